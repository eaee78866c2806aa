"""A NIR graph under construction: nodes are added behind the last ones, gains are put into the weights before them."""
import numpy as np

from snn.errors import RunError

MOST_BYTES = 2 << 30
"""A graph whose matrices take more than this is not made."""

UNSCALED = ("Flatten", "AvgPool2d", "SumPool2d")


class Builder:
    """``tips``: names of the nodes whose sum is the signal so far; ``shape``: of that signal in one step.

    ``numbered``: nodes get numbers before their names. In a file they are sorted by name, and nirtorch cannot read a
    graph in the graph that stands before what leads to it.
    """

    def __init__(self, where, shape, convention, bins, *, name="input", numbered=False):
        import nir
        self.nir, self.where, self.convention, self.bins = nir, where, convention, bins
        self.shape, self.nodes, self.edges, self.tips = tuple(shape), {}, [], []
        self.bytes, self._counts, self._numbered = 0, {}, numbered
        self.add(name, nir.Input(np.array(self.shape)), shape)

    def add(self, name, node, shape, *, behind=None):
        """Add a node behind ``behind`` (default: the tips), and make it the only tip. Returns its name."""
        if self._numbered:
            name = f"{len(self.nodes):03d}_{name}"
        elif name in self.nodes:
            self._counts[name] = self._counts.get(name, 1) + 1
            name = f"{name}{self._counts[name]}"
        self.nodes[name] = node
        self.edges += [(tip, name) for tip in (self.tips if behind is None else behind)]
        self.tips, self.shape = [name], tuple(int(k) for k in shape)
        return name

    def array(self, values):
        return np.ascontiguousarray(values, dtype=self.convention.dtype)

    def seconds(self, steps, n):
        """A Delay of whole ``steps``, a number or one per channel [n]."""
        return self.nir.Delay(self.array(np.broadcast_to(steps, (n,)) * self.convention.seconds))

    def matrix(self, weight, bias=None, *, name="linear"):
        """``weight`` [n_out, n_in] and ``bias`` [n_out] behind the tips."""
        self.room(weight.size, name)
        node = self.nir.Linear(self.array(weight)) if bias is None else self.nir.Affine(
            self.array(weight), self.array(bias))
        return self.add(name, node, (len(weight),))

    def delayed(self, weight, steps, bias=None):
        """A weight and a delay per synapse, [n_out, n_in] each. Delays of synapses without weight are not kept."""
        lags = np.unique(steps[weight != 0]) if weight.any() else np.zeros(1, np.int64)
        self.check_bins(lags, "linear", weight.size)
        self.branches({lag: np.where(steps == lag, weight, 0.0) for lag in lags}, bias)

    def branches(self, parts, bias=None, *, name="linear"):
        """Behind the tips a branch for every delay of ``parts`` {whole steps: weight [n_out, n_in]}; all are tips."""
        source, tips = list(self.tips), []
        for lag, weight in parts.items():
            self.tips, n = source, weight.shape[1]
            if lag:
                self.add(f"{name}_delay{lag}", self.seconds(lag, n), (n,))
            tips.append(self.matrix(weight, None if tips else bias, name=f"{name}_{lag}" if len(parts) > 1 else name))
        self.tips = tips

    def check_bins(self, lags, name, entries):
        """Errors: RunError for more delays than ``bins``, or matrices that take too much memory."""
        if len(lags) > self.bins:
            raise RunError(f"{self.where}.{name}: has {len(lags)} different delays, and a NIR graph needs a matrix for "
                           f"each. At most bins={self.bins} are written: round the delays, or raise bins.")
        self.room(entries * len(lags), name, count=False)

    def room(self, entries, name, *, count=True):
        """Errors: RunError where ``entries`` more numbers would be too many."""
        total = self.bytes + entries * np.dtype(self.convention.dtype).itemsize
        if total > MOST_BYTES:
            raise RunError(f"{self.where}.{name}: NIR keeps dense matrices, and those of this network would take "
                           f"{total / 1e9:.1f} GB. At most {MOST_BYTES / 1e9:.1f} GB are written; SONATA keeps sparse "
                           "connections.")
        self.bytes = total if count else self.bytes

    def affine(self, gain, shift=None):
        """Multiply the signal by ``gain`` and add ``shift``: a number each, or one per channel or per element."""
        gain = np.asarray(gain, np.float64)
        gain = gain.ravel()[:1].reshape(()) if gain.size and (gain == gain.flat[0]).all() else gain.ravel()
        shift = None if shift is None or not np.any(shift) else np.asarray(shift, np.float64).ravel()
        if shift is None and gain.ndim == 0 and gain == 1.0:
            return
        tips = self._weighted(self.tips, gain.ndim == 0 and shift is None)
        if tips is None or not all(self._scaled(name, gain, shift, check=True) for name in tips):
            self._inserted(gain, shift)
            return
        for k, name in enumerate(tips):
            self._scaled(name, gain, shift if k == 0 else None)

    def _weighted(self, names, through):
        """The nodes with weights whose sum is the signal, or None; ``through``: also those before pools."""
        found = []
        for name in names:
            node = self.nodes[name]
            if type(node).__name__ in UNSCALED and through:
                before = self._weighted([a for a, b in self.edges if b == name], True)
                if before is None:
                    return None
                found += before
            elif hasattr(node, "weight"):
                found.append(name)
            else:
                return None
        return found

    def _scaled(self, name, gain, shift, check=False):
        """Multiply the rows of a node with weights; ``check``: only say whether that can be done."""
        node = self.nodes[name]
        rows = len(node.weight)
        per_row = gain if gain.ndim == 0 else _per_row(gain, rows)
        offset = None if shift is None else _per_row(shift, rows)
        if per_row is None or shift is not None and offset is None:
            return False
        if check:
            return True
        weight = node.weight * (per_row if per_row.ndim == 0 else per_row.reshape(-1, *[1] * (node.weight.ndim - 1)))
        bias = getattr(node, "bias", None)
        bias = bias if bias is None else bias * per_row
        bias = bias if offset is None else offset + (0.0 if bias is None else bias)
        if type(node).__name__ in ("Linear", "Affine"):
            node = self.nir.Linear(self.array(weight)) if bias is None else self.nir.Affine(
                self.array(weight), self.array(bias))
            self.nodes[name] = node
        else:
            node.weight, node.bias = self.array(weight), self.array(bias)
        return True

    def _inserted(self, gain, shift):
        """A node of its own where there are no weights to multiply."""
        n = int(np.prod(self.shape))
        rows = self.shape[0]
        gain, shift = (None if x is None else np.broadcast_to(x, (n,)) if np.ndim(x) == 0 or len(x) == n
                       else np.repeat(x, n // rows) for x in (gain, shift))
        if shift is None:
            self.add("scale", self.nir.Scale(self.array(gain.reshape(self.shape))), self.shape)
            return
        if len(self.shape) != 1:
            raise RunError(f"{self.where}: a batch norm stands behind no convolution. NIR has no place for its shift.")
        self.matrix(np.diag(gain), shift, name="norm")


def _per_row(values, rows):
    """One value per row, from as many or from several equal ones per row; else None."""
    if values.ndim == 0 or len(values) == 1:
        return np.broadcast_to(values.ravel(), (rows,))
    if len(values) % rows:
        return None
    table = values.reshape(rows, -1)
    return table[:, 0] if (table == table[:, :1]).all() else None
