"""Binary associative memories that recurrent Hebbian learning under noise leaves behind: cliques and Willshaw's."""
import numpy as np

from snn.circuits.checks import array, checked, generator, number, square, whole
from snn.errors import DataError, NetworkError, RunError


class _BinaryMemory:
    """Connections that are there or not, made by co-activity that came often enough; none is ever taken back.

    A subclass has ``_bits(field, x)`` (what the user stores, as bool [M, n]) and ``_fire(drive, draw)`` (who may fire).
    """

    def __init__(self, n, threshold):
        name = type(self).__name__
        self.n, self.threshold = n, whole(f"{name}.threshold", threshold, NetworkError)
        self.counts, self._connected = square(f"{name}.n", n, np.int64), square(f"{name}.n", n, bool)

    @property
    def connections(self):
        """Bool [n, n], symmetric; True where two different units have been consolidated."""
        return self._connected

    def store(self, messages):
        """Connect all that is active together in a message, at once and without noise; returns the memory."""
        self._connected |= _together(self._bits("store.messages", messages)) > 0
        self._clean()
        return self

    def observe(self, messages, *, presentations=1, erasure=0.0, insertion=0.0, seed=0):
        """Learn online from noisy presentations; returns the memory.

        In each presentation of each message an active unit is lost with probability ``erasure`` and a silent one added
        with probability ``insertion``; then the energy cap decides, by lot among the driven, who fires. Every pair that
        fires together is counted, over all calls, and connected for good once its count is ``threshold``. Recurrent
        drive plays no part here, so the order of presentations does not matter.
        """
        name = f"{type(self).__name__}.observe"
        bits, draw = self._bits("observe.messages", messages), generator(f"{name}.seed", seed)
        erasure, insertion = (number(f"{name}.{field}", p, RunError, 0.0, 1.0, open_above=False)
                              for field, p in (("erasure", erasure), ("insertion", insertion)))
        for _ in range(whole(f"{name}.presentations", presentations, RunError)):
            noise = draw.random(bits.shape, dtype=np.float32)
            driven = np.where(bits, noise >= erasure, noise < insertion)
            self.counts += _together(self._fire(driven, draw)).astype(np.int64)
        self._connected |= self.counts >= self.threshold
        self._clean()
        return self

    def _clean(self):
        np.fill_diagonal(self._connected, False)


class ClusteredMemory(_BinaryMemory):
    """Messages as cliques: ``clusters`` clusters of ``units`` units, of which a message activates one in each.

    What it is
        A message is one number in 0 .. units - 1 per cluster. Storing it connects its units with each other. A damaged
        message, with some clusters erased, is recalled by the units that the rest of the clique supports. The energy
        cap is one firing unit per cluster.

    Formula
        ``recall``: in an erased cluster all units begin as candidates. In each iteration the candidates stay that are
        connected to one or more remaining candidates in the most other clusters. Density of the connections after M
        random messages: :func:`clique_density`; probability of exact recall in one pass: :func:`clique_recall`.
        ``observe``: a unit of a message fires with probability :func:`winner_probability` per presentation.

    Parameters: ``threshold`` is how often two units must fire together before they are connected in ``observe``.
    Shapes: messages int [M, clusters] or [clusters]; -1 is erased or, in an answer, undecided.

    Errors: NetworkError for sizes that are no whole numbers, fewer than two clusters; DataError for messages that do
    not fit, more erased clusters than allow a recall; RunError for probabilities or numbers out of range.

    Source: V. Gripon, C. Berrou (2011), "Sparse neural networks with large learning diversity", IEEE Transactions on
    Neural Networks 22:1087.

    Example::

        memory = ClusteredMemory(8, 64).store(messages)
        memory.recall([3, 14, 15, 9, 26, 5, 35, -1])
    """

    def __init__(self, clusters, units, *, threshold=1):
        self.clusters = whole("ClusteredMemory.clusters", clusters, NetworkError, least=2)
        self.units = whole("ClusteredMemory.units", units, NetworkError, least=2)
        super().__init__(clusters * units, threshold)

    @property
    def density(self):
        """Share of the connections between clusters that are there."""
        return self._connected.sum() / (self.clusters * (self.clusters - 1) * self.units**2)

    def recall(self, messages, *, iterations=4):
        """Messages with -1 filled in, int64 of the same shape; -1 stays where more than one unit remains."""
        given = self._numbers("recall.messages", messages, low=-1)
        whole("ClusteredMemory.recall.iterations", iterations, RunError)
        m = given.reshape(-1, self.clusters)
        if (m == -1).all(axis=1).any():
            raise DataError(f"ClusteredMemory.recall.messages: message {int((m == -1).all(axis=1).argmax())} has all "
                            f"{self.clusters} clusters erased. One or more must be known.")
        known = m >= 0
        alive = np.where(known[..., None], m[..., None] == np.arange(self.units), True)
        # What is erased says nothing in the first iteration: every unit of it is a candidate.
        heard = alive & known[..., None]
        for _ in range(iterations):
            score = self._support(heard)
            score[~alive] = -1.0
            left = alive & (known[..., None] | (score == score.max(axis=2, keepdims=True)))
            settled = np.array_equal(left, heard)
            alive = heard = left
            if settled:
                break
        return np.where(alive.sum(axis=2) == 1, alive.argmax(axis=2), -1).reshape(given.shape)

    def _support(self, heard):
        """For every unit the number of clusters in which a heard unit is connected to it; float32 [M, c, l]."""
        total = np.zeros(heard.shape, dtype=np.float32)
        weights = self._connected.astype(np.float32)
        for k in range(self.clusters):
            rows = weights[k * self.units:(k + 1) * self.units]
            total += (heard[:, k].astype(np.float32) @ rows > 0).reshape(heard.shape)
        return total

    def _numbers(self, field, messages, low):
        where, m = f"ClusteredMemory.{field}", array(f"ClusteredMemory.{field}", messages)
        if m.ndim not in (1, 2) or m.shape[-1] != self.clusters:
            raise DataError(f"{where}: has shape {m.shape}. [M, {self.clusters}], one number per cluster, is expected.")
        wrong = ~((m >= low) & (m < self.units) & (m == np.floor(m)))
        if wrong.any():
            raise DataError(f"{where}: holds {m[wrong][0]:g}. Whole numbers in {low} .. {self.units - 1} are expected.")
        return m.astype(np.int64)

    def _bits(self, field, messages):
        m = self._numbers(field, messages, low=0).reshape(-1, self.clusters)
        return (m[..., None] == np.arange(self.units)).reshape(len(m), self.n)

    def _fire(self, driven, draw):
        lots = np.where(driven, draw.random(driven.shape, dtype=np.float32), -1.0)
        lots = lots.reshape(len(driven), self.clusters, self.units)
        return (lots == lots.max(axis=2, keepdims=True)).reshape(driven.shape) & driven


class WillshawMemory(_BinaryMemory):
    """Sparse binary patterns over ``n`` units without clusters; the energy cap lets ``active`` units fire.

    Formula
        ``recall``: the drive of a unit is the number of active units that are connected to it, itself included; the
        ``active`` most driven fire, by lot among equals, and again in each iteration. Density of the connections after
        M random patterns of k active units: ``1 - (1 - k (k - 1) / (n (n - 1)))^M``.

    Shapes: patterns and cues [M, n] or [n] of 0 and 1; answers bool. ``threshold`` as in :class:`ClusteredMemory`.

    Errors: NetworkError for sizes; DataError for entries other than 0 and 1 or stored patterns of another number of
    active units than ``active``; RunError for probabilities or numbers out of range.

    Source: D. J. Willshaw, O. P. Buneman, H. C. Longuet-Higgins (1969), "Non-holographic associative memory", Nature
    222:960.

    Example: ``WillshawMemory(256, 8).store(patterns).recall(halves)``
    """

    def __init__(self, n, active, *, threshold=1):
        super().__init__(whole("WillshawMemory.n", n, NetworkError, least=2), threshold)
        self.active = whole("WillshawMemory.active", active, NetworkError, least=2)
        if active > n:
            raise NetworkError(f"WillshawMemory.active: is {active} with {n} units. It must be at most n.")

    @property
    def density(self):
        """Share of the pairs of different units that are connected."""
        return self._connected.sum() / (self.n * (self.n - 1))

    def recall(self, cues, *, iterations=1, seed=0):
        """The patterns that ``cues`` become, bool of the same shape, ``active`` units each."""
        cues = checked("WillshawMemory.recall.cues", cues, self.n, (0, 1), (1, 2))
        draw = generator("WillshawMemory.recall.seed", seed)
        weights, x = (self._connected | np.eye(self.n, dtype=bool)).astype(np.float32), cues.reshape(-1, self.n)
        for _ in range(whole("WillshawMemory.recall.iterations", iterations, RunError)):
            x = self._fire(x.astype(np.float32) @ weights, draw)
        return x.reshape(cues.shape)

    def _bits(self, field, patterns):
        bits = checked(f"WillshawMemory.{field}", patterns, self.n, (0, 1), (1, 2)).reshape(-1, self.n) > 0
        wrong = bits.sum(axis=1) != self.active
        if wrong.any():
            raise DataError(f"WillshawMemory.{field}: pattern {int(wrong.argmax())} has {bits[wrong][0].sum()} active "
                            f"units. Each must have {self.active}.")
        return bits

    def _fire(self, drive, draw):
        """The most driven, at most ``active``, and none without drive."""
        drive = np.asarray(drive, dtype=np.float32)
        lots = np.where(drive > 0, drive + draw.random(drive.shape, dtype=np.float32), -1.0)
        least = np.partition(lots, self.n - self.active, axis=1)[:, self.n - self.active, None]
        return (lots >= least) & (drive > 0)


def clique_density(messages, units):
    """Expected density after random messages of a clustered memory: ``D = 1 - (1 - 1 / units^2)^messages``."""
    units = whole("clique_density.units", units, RunError, least=2)
    return 1.0 - (1.0 - 1.0 / units**2) ** whole("clique_density.messages", messages, RunError, least=0)


def clique_recall(density, clusters, units, *, erased):
    """Probability that one pass recalls a stored message of which ``erased`` clusters are lost.

    Formula: ``(1 - D^(clusters - erased))^((units - 1) erased)``: no other unit of an erased cluster is connected to
    all that is known. It takes connections for independent and is up to 0.1 too high, see :func:`clique_recall_by_use`.
    """
    _check_erased("clique_recall", clusters, units, erased)
    density = number("clique_recall.density", density, RunError, 0.0, 1.0, open_above=False)
    return (1.0 - density ** (clusters - erased)) ** ((units - 1) * erased)


def clique_recall_by_use(messages, clusters, units, *, erased):
    """As :func:`clique_recall`, after ``messages`` random messages, which do not use all units equally often.

    Formula: in place of ``D^(clusters - erased)`` the mean of ``(1 - (1 - 1 / units)^k)^(clusters - erased)``, where k,
    the number of other messages that use a unit, is binomial: a unit in use by many is connected to much of the rest.
    Measured with one erased cluster of eight: within 0.01.
    """
    from scipy.stats import binom
    _check_erased("clique_recall_by_use", clusters, units, erased)
    k = np.arange(whole("clique_recall_by_use.messages", messages, RunError))
    share = binom.pmf(k, messages - 1, 1.0 / units) @ (1.0 - (1.0 - 1.0 / units) ** k) ** (clusters - erased)
    return float((1.0 - share) ** ((units - 1) * erased))


def willshaw_recall(patterns, n, active, *, known):
    """Probability that one pass of a :class:`WillshawMemory` recalls a random stored pattern from ``known`` units.

    Formula
        Another unit has the drive of a missing one if it is connected to all that is known, with the probability p that
        :func:`clique_recall_by_use` takes, here the mean of ``(1 - (1 - (active - 1) / (n - 1))^k)^known`` over k
        binomial with chance ``active / n``. Their number r is binomial, and the lot finds the right ones with
        probability ``1 / C(active - known + r, r)``. Measured with 8 of 256 units: up to 0.04 above.
    """
    from scipy.special import comb
    from scipy.stats import binom
    name = "willshaw_recall"
    for field, x, least in (("patterns", patterns, 1), ("n", n, 2), ("active", active, 2), ("known", known, 1)):
        whole(f"{name}.{field}", x, RunError, least)
    if not known <= active <= n:
        raise RunError(f"{name}.known: is {known} of {active} active units of {n}. known <= active <= n is expected.")
    k, r = np.arange(patterns), np.arange(n - active + 1)
    drive = (1.0 - (1.0 - (active - 1) / (n - 1)) ** k) ** known
    rivals = binom.pmf(k, patterns - 1, active / n) @ drive
    return float((binom.pmf(r, n - active, rivals) / comb(active - known + r, r)).sum())


def _check_erased(name, clusters, units, erased):
    for field, x, least in (("clusters", clusters, 2), ("units", units, 2), ("erased", erased, 1)):
        whole(f"{name}.{field}", x, RunError, least)
    if erased >= clusters:
        raise RunError(f"{name}.erased: is {erased} of {clusters} clusters. One or more must be known.")


def winner_probability(units, *, erasure, insertion):
    """Probability that the unit of a message fires in a noisy presentation, where its cluster has one winner.

    Formula: ``(1 - p_e) (1 - (1 - p_i)^units) / (units p_i)``: it is not erased, and wins the lot among those inserted.
    With it two units of a message fire together with probability q^2 per presentation.
    """
    units = whole("winner_probability.units", units, RunError)
    erasure, insertion = (number(f"winner_probability.{name}", p, RunError, 0.0, 1.0, open_above=False)
                          for name, p in (("erasure", erasure), ("insertion", insertion)))
    # (1 - (1 - x)^n) / (n x) as the mean of (1 - x)^j over j = 0 .. n - 1, which also holds at x = 0.
    return float((1.0 - erasure) * np.mean((1.0 - insertion) ** np.arange(units)))


def _together(bits):
    """How many rows of bool [M, n] have both units active, [n, n]; float32 counts exactly up to 2^24 rows."""
    x = bits.astype(np.float32)
    return x.T @ x
