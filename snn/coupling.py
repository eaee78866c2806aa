"""Graded connections: units that feel, at all times, what others show.

What it is
    A :class:`Coupling` is made by ``Network.couple``. In every step each target adds the weighted values that its
    sources showed, over one set of connections for one or several values (sine and cosine of a phase)::

        x_i.port += sum_j w_ij y_j(t - delay)                   y: an output of the sources, or a state
        x_i.port += sum_j w_ij (y_j(t - delay) - y_i(t))        with difference=True: gap junctions, diffusion

    A port that the target's model reads in ``couple`` takes t as the time at which the step begins: a delay of 0 is the
    explicit scheme of coupled differential equations. Any other port takes them as it takes spikes, from one step on.
    Before time 0 a source has always shown what it shows at time 0.

    The connections come from the same rules as those of spikes. All to all with one weight and one delay is not built:
    the sum is the same for everybody, and costs N instead of N^2.

Units: a weight has the port's unit over that of the value; delays are in ms.
"""
from dataclasses import dataclass
from typing import Any

from snn.errors import NetworkError


@dataclass(frozen=True, eq=False)
class Coupling:
    """Graded connections from ``pre`` to ``post`` (views); ``values`` {port: output or state of the sources}."""

    name: str
    pre: Any
    post: Any
    rule: Any
    values: dict
    weight: Any
    delay: Any
    difference: bool
    round_delays: bool

    @property
    def immediate(self):
        """Whether the targets feel it in the step that begins, so that a delay of 0 is possible."""
        return next(iter(self.values)) in self.post.population.model.coupled


def outputs_of(model):
    """Names of what a model can show: its outputs and its states."""
    return tuple(dict.fromkeys((*_fields(model, "Outputs"), *_fields(model, "State"))))


def _fields(model, kind):
    """Names of a NamedTuple of a model; none where there is no such thing (a replayed population)."""
    return getattr(getattr(model, kind, None), "_fields", ())


def checked_values(pre, post, values, difference):
    """``values`` as {port: name}, by default the outputs of ``pre`` that are coupled ports of ``post``."""
    source, target = pre.population.model, post.population.model
    known, ports = outputs_of(source), _fields(target, "Ports")
    coupled = getattr(target, "coupled", ())
    if values is None:
        values = {port: port for port in coupled if port in _fields(source, "Outputs")}
        if not values:
            raise NetworkError(
                f"Network.couple: {type(source).__name__} shows nothing by the name of a port that "
                f"{type(target).__name__} is coupled by ({', '.join(coupled) or 'it has none'}). "
                f"Give values={{port: name}} with ports {', '.join(ports) or 'none'} and names {', '.join(known)}."
            )
    if not isinstance(values, dict) or not values:
        raise NetworkError(f"Network.couple: values = {values!r} is no dict. Give {{port: output or state}}.")
    for port, name in values.items():
        if port not in ports:
            raise NetworkError(
                f"Network.couple: {type(target).__name__} of population {post.population.name!r} has no port "
                f"{port!r}. It has: {', '.join(ports) or 'none'}."
            )
        if port in ("noise", "normal"):
            raise NetworkError(f"Network.couple: port {port!r} is filled with random numbers. Choose another one.")
        for side, shown in ((pre, known), *([(post, outputs_of(target))] if difference else [])):
            if name not in shown:
                raise NetworkError(
                    f"Network.couple: {type(side.population.model).__name__} of population {side.population.name!r} "
                    f"shows no {name!r}. It shows: {', '.join(shown) or 'nothing'}."
                )
    if len({port in coupled for port in values}) > 1:
        raise NetworkError(
            f"Network.couple: of the ports {', '.join(values)} some are felt during a step and some at its end. "
            "Couple them one by one."
        )
    return dict(values)
