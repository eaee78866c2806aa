"""The sum of what a rule does in a whole window, as a few matrix products instead of an outer product per step.

What it is
    Where the change of a weight at an event does not depend on the weight and is affine in the presynaptic traces,
    ``f(x, y) = f(0, y) + sum over k of x_k (f(e_k, y) - f(0, y))``, its sum over all steps and samples is a sum of
    products of a [T B, n_post] and a [T B, n_pre] matrix: factors of the postsynaptic side times presynaptic traces or
    spikes. Pair STDP needs two of them, one for potentiation and one for depression. :func:`forms_of` tells by
    evaluating the methods of a rule whether that is so; nothing is assumed about its name or text.
"""
import numpy as np
import torch

from snn.train import products
from snn.train.plastic_events import ORDER

PROBES, TOLERANCE = 64, 1e-9


def forms_of(rule, facts, **options):
    """``({event: Form}, None)``, or ``(None, why not)`` as the end of a sentence that begins with the rule."""
    if facts.every is not None:
        return None, "acts in time"
    if rule.Synapse._fields[1:] or facts.flow:
        return None, "keeps more than a weight per synapse"
    forms = {}
    for event in ("on_pre", "on_post"):
        if getattr(facts, event):
            if not _affine(Amount(rule, event, torch.float64, "cpu")):
                return None, f"has in {event} an amount that depends on the weight or is not affine in x"
            forms[event] = Form(rule, event, facts, options)
    return forms, None


class Amount:
    """What ``on_pre`` or ``on_post`` of a rule adds to a weight far from its bounds."""

    def __init__(self, rule, method, dtype, device):
        bound = rule.bind(1, dtype, device)
        # The sum of a window is brought within the bounds at its end.
        object.__setattr__(bound, "clip", lambda w: w)
        self.rule, self.method = bound, getattr(bound, method)
        self.numbers = {"dtype": dtype, "device": device}

    def __call__(self, x, y, mod, w=None):
        w = torch.zeros((), **self.numbers) if w is None else w
        return self.method(self.rule.Synapse(w), x, y, mod).w - w

    def factors(self, y, mod, terms):
        """``{k: factor}``: of 1 for k = 0, which is f(0, y), and of presynaptic trace k - 1, f(e, y) - f(0, y)."""
        zero, one = (torch.tensor(v, **self.numbers) for v in (0.0, 1.0))
        n = len(self.rule.Pre._fields)
        found = {k: self(self.rule.Pre(*(one if j == k - 1 else zero for j in range(n))), y, mod) for k in (0, *terms)}
        return {k: f - found[0] if k else f for k, f in found.items()}


def _affine(amount):
    """Whether the amount is what the factors make of it, at random traces and weights."""
    rng, rule = np.random.default_rng(0), amount.rule

    def draw(n):
        """Numbers of many magnitudes, as traces have them."""
        return [torch.as_tensor(rng.uniform(0.2, 1.0, PROBES) * 10.0 ** rng.integers(-2, 3, PROBES)) for _ in range(n)]

    rest = rule.rest()[1]
    x = rule.Pre(*(v * torch.as_tensor(rng.choice([-1.0, 1.0], PROBES)) for v in draw(len(rule.Pre._fields))))
    y = rule.Post(*(torch.as_tensor(r, dtype=torch.float64) + v for r, v in zip(rest, draw(len(rest)), strict=True)))
    mod, w = torch.as_tensor(rng.normal(0.0, 1.0, PROBES)), torch.as_tensor(rng.uniform(-2.0, 2.0, PROBES))
    factors = amount.factors(y, mod, range(1, len(x) + 1))
    parts = [factor * trace for factor, trace in zip(factors.values(), (1.0, *x), strict=True)]
    # The change of a weight that is not 0 is known to the last digits of that weight.
    allowed = TOLERANCE * sum(map(abs, parts)) + 8.0 * torch.finfo(torch.float64).eps * abs(w)
    return all(bool((abs(amount(x, y, mod, weight) - sum(parts)) <= allowed).all()) for weight in (None, w))


def window(events, h, forms, pre, post, mod, read, share):
    """Sum [n_post, n_pre] of all changes in the window, unclipped; the state ``h`` moves on to its end.

    ``forms``: a :class:`Form` per rule and event; ``pre`` [T, B, n_pre]; ``post``, ``mod`` and values of ``read``
    [T, B, n_post]; ``share`` [B]: how much a sample counts.
    """
    begun = h.steps
    post, read = events.late(h, post, read)
    for t in range(len(pre)):
        h.steps += 1
        events.decay(h)
        seen = {k: v[t] for k, v in read.items()} if begun + t >= events.dendritic else {}
        for event in ORDER[bool(events.dendritic)]:
            _follow(events, h, forms, event, pre[t] if event == "on_pre" else post[t], seen)
    total = torch.zeros(events.n_post, events.n_pre, **events.options)
    spikes = {"on_pre": pre.flatten(0, 1), "on_post": post.flatten(0, 1)}
    alike = bool((share == share[0]).all())
    count = None if alike else share.repeat(len(pre))[:, None]
    for per_rule in forms:
        for event, form in per_rule.items():
            form.add(total, mod, spikes[event], count)
    return total * share[0] if alike else total


def _follow(events, h, forms, event, spikes, read):
    """Note what one kind of event finds in this step, and move the traces on."""
    for r, per_rule in enumerate(forms):
        z = spikes if event == "on_pre" else events.watch(h, r, spikes, read)
        if event in per_rule:
            per_rule[event].note(h.x[r], h.y[r], None if z is spikes else z)
        (events.fired_pre if event == "on_pre" else events.fired_post)(h, r, spikes)


class Form:
    """An event of one rule in a window: the traces that its amount needs are noted step by step, then multiplied."""

    def __init__(self, rule, event, facts, options):
        self.amount, self.event, self.modulated = Amount(rule, event, **options), event, facts.modulated
        x, y = facts.seen[event]
        self.x = {k: [] for k, name in enumerate(rule.Pre._fields, 1) if name in x}
        self.y = {name: [] for name in y}
        self.z = []

    def note(self, x, y, z):
        for k, steps in self.x.items():
            steps.append(x[k - 1])
        for name, steps in self.y.items():
            steps.append(getattr(y, name))
        if z is not None:
            self.z.append(z)

    def add(self, total, mod, z, count):
        """Add the sum over the window to ``total``; ``z`` [T B, N]: the spikes, where nothing else was noted;
        ``mod`` [T, B, n_post]; ``count`` [T B, 1]: how much the samples count, None where all count 1."""
        z = torch.cat(self.z) if self.z else z
        zero = torch.zeros((), dtype=total.dtype, device=total.device)
        Post = self.amount.rule.Post
        y = Post(*(torch.cat(self.y[name]) if name in self.y else zero for name in Post._fields))
        mod = mod.flatten(0, 1) if self.modulated else zero
        for k, factor in self.amount.factors(y, mod, self.x).items():
            if not factor.any():
                continue
            factor = factor if count is None else factor * count
            x = torch.cat(self.x[k]) if k else None
            if self.event == "on_post":
                total += _product(factor * z, x if k else z.new_ones(len(z), total.shape[1]), sparse_left=True)
            else:
                left = factor.expand(len(z), len(total)) if factor.ndim < 2 else factor
                total += _product(left, z * x if k else z, sparse_left=False)


def _product(left, right, sparse_left):
    """``left.T @ right``; the side with the spikes is mostly zeros, which is used where it pays."""
    sparse, dense = (left, right) if sparse_left else (right, left)
    if left.device.type == "cpu" and left.dtype in products.DTYPES and left.numel() * right.shape[1] >= products.LEAST:
        packed = products.pack(sparse, at_most=products.most(dense.shape[1]))
        if packed is not None:
            found = products.weight_grad(packed, dense)
            return found.T if sparse_left else found
    return left.T @ right
