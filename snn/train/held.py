"""Held state of a whole net: forget it, cut its graph, hold it only inside a ``with`` block; and the eager switch.

Layers keep their state between calls. ``reset`` before data that do not go on where the last ones ended, ``detach``
between the pieces of a long sequence (truncated backpropagation through time). Modules of SpikingJelly in the net are
reset and detached too.

Example::

    for x, y in batches:
        with scope(net):                 # nothing is left over from the batch before, nor for the next
            loss(net(x), y).backward()
"""
from contextlib import contextmanager
from contextvars import ContextVar

from spikingjelly.activation_based.base import MemoryModule

_EAGER = ContextVar("snn.train.eager", default=False)


def reset(net):
    """Forget the state that the modules of ``net`` hold; they begin at rest. Returns ``net``."""
    for module in _holding(net):
        module.reset()
    return net


def detach(net):
    """Keep the values of the held states and drop their graph: a later backward pass stops here. Returns ``net``."""
    for module in _holding(net):
        module.detach()
    return net


@contextmanager
def scope(net):
    """A block that begins and ends with ``reset(net)``, also when it ends with an error."""
    reset(net)
    try:
        yield net
    finally:
        reset(net)


@contextmanager
def eager():
    """A block in which every layer runs eagerly (``snn.train.eager``), for comparison and for debugging a model."""
    token = _EAGER.set(True)
    try:
        yield
    finally:
        _EAGER.reset(token)


def eager_is_asked_for():
    """Whether this is inside :func:`eager`."""
    return _EAGER.get()


def _holding(net):
    return (m for m in net.modules() if isinstance(m, MemoryModule))
