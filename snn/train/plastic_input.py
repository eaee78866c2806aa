"""What a plastic module learns from, checked before anything changes."""
from dataclasses import dataclass

import torch

from snn.errors import RunError

WHERE = "Plastic.learn"


@dataclass(frozen=True)
class Given:
    """``pre`` [T, B, n_pre]; ``post`` and the values of ``read`` [T, B, n_post]; ``mod`` the same, expanded."""

    pre: torch.Tensor
    post: torch.Tensor
    mod: torch.Tensor
    read: dict

    @classmethod
    def checked(cls, pre, post, mod, read, weight, *, many, graded, modulated, takes_mod, reads):
        """Of what :meth:`snn.train.plastic.Plastic.learn` was called with. RunError for what does not fit.

        ``modulated``: names of rules that need a modulator; ``takes_mod``: whether one may use it; ``reads``: states.
        """
        n_post, n_pre = weight.shape
        pre, post = (_side(z, n, name, weight, many) for z, n, name in ((pre, n_pre, "pre"), (post, n_post, "post")))
        _same_axes(post, pre, "post")
        for name, z in (("pre", pre), ("post", post)):
            # Neither NaN nor infinity gives 0 here.
            if not graded and (z.square() - z).any():
                raise RunError(f"{WHERE}.{name}: is not everywhere 0 or 1 (somewhere {_other(z):g}). Spikes are; real "
                               "activities need Plastic(..., graded=True).")
            if graded:
                _check_finite(z, name)
        read = {} if read is None else read
        if not isinstance(read, dict) or set(read) != set(reads):
            right = f"the states {', '.join(reads)} as {{name: tensor}}" if reads else "None"
            raise RunError(f"{WHERE}.read: is {sorted(read) if isinstance(read, dict) else type(read).__name__}. "
                           f"For these rules {right} is expected.")
        read = {k: _side(v, n_post, f"read[{k!r}]", weight, many) for k, v in read.items()}
        for k, value in read.items():
            _same_axes(value, pre, f"read[{k!r}]")
            _check_finite(value, f"read[{k!r}]")
        if mod is None and modulated:
            raise RunError(f"{WHERE}.mod: is missing. {modulated[0]} needs a modulator: a number, or [B, n_post].")
        if mod is not None and not takes_mod:
            raise RunError(f"{WHERE}.mod: is given, but no rule uses a modulator. Leave it out.")
        return cls(pre, post, _modulator(0.0 if mod is None else mod, post, many), read)

    @property
    def steps(self):
        return self.pre.shape[0]

    @property
    def batch(self):
        return self.pre.shape[1]

    def at(self, t):
        """Step ``t`` of everything."""
        return self.pre[t], self.post[t], self.mod[t], {k: v[t] for k, v in self.read.items()}

    def whole(self):
        return self.pre, self.post, self.mod, self.read


def _side(z, n, name, weight, many):
    """``z`` as [T, B, n] of the type of the weights."""
    axes, ndim = ("[T, B, N]", 3) if many else ("[B, N]", 2)
    if not isinstance(z, torch.Tensor):
        raise RunError(f"{WHERE}.{name}: is a {type(z).__name__}. A tensor {axes} is expected.")
    if z.device != weight.device:
        raise RunError(f"{WHERE}.{name}: is on {z.device} while the weights are on {weight.device}. Move one of them.")
    if z.ndim != ndim or z.shape[-1] != n or 0 in z.shape:
        at = [k for k in range(z.ndim) if z.shape[k] == n]
        hint = f" Axis {at[0]} has {n}: swap it to the end." if z.ndim == ndim and at and z.shape[-1] != n else ""
        hint = " There must be at least one step and one sample." if 0 in z.shape else hint
        hint = " Single steps need step_mode='s', many need 'm'." if z.ndim in (2, 3) and z.ndim != ndim else hint
        raise RunError(f"{WHERE}.{name}: has shape {list(z.shape)}. {axes} with N = {n} is expected.{hint}")
    z = z.detach().to(weight.dtype)
    return z if many else z[None]


def _check_finite(z, name):
    if not torch.isfinite(z).all():
        raise RunError(f"{WHERE}.{name}: is not finite. Every value must be finite.")


def _other(z):
    """A value that is neither 0 nor 1."""
    return float(z[(z != 0) & (z != 1)][0])


def _same_axes(z, pre, name):
    if z.shape[:2] != pre.shape[:2]:
        raise RunError(f"{WHERE}.{name}: has T, B = {list(z.shape[:2])} while pre has {list(pre.shape[:2])}. Both "
                       "sides need the same steps and samples, [T, B, N].")


def _modulator(mod, post, many):
    """``mod`` as [T, B, n_post]."""
    batch, n = post.shape[1:]
    try:
        m = torch.as_tensor(mod, dtype=post.dtype, device=post.device).detach()
    except (TypeError, ValueError, RuntimeError):
        raise RunError(f"{WHERE}.mod: is {mod!r}. A number or a tensor is expected.") from None
    right = f"A number, [B] = [{batch}], [n_post] = [{n}], [B, n_post]{' or [T, B, n_post]' if many else ''} is right."
    if m.ndim == 1 and batch == n and len(m) == n and n > 1:
        raise RunError(f"{WHERE}.mod: has shape [{n}], and B = n_post = {n}. Say which is meant: mod[:, None] is per "
                       "sample, mod[None] per neuron.")
    m = m[:, None] if m.ndim == 1 and len(m) == batch and len(m) != n else m
    try:
        m = m.expand(post.shape) if m.ndim < 3 or many else None
    except RuntimeError:
        m = None
    if m is None:
        raise RunError(f"{WHERE}.mod: has shape {list(torch.as_tensor(mod).shape)}. {right}")
    _check_finite(torch.as_tensor(mod), "mod")
    return m
