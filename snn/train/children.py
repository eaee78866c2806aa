"""Children of a container as they are called: torch's own ``named_children`` leaves out a module that comes again."""
from spikingjelly.activation_based.base import MemoryModule

from snn.errors import RunError


def children_of(module):
    """``[(name, child)]`` in the order of calls; a module that stands in several places comes several times."""
    return [(name, child) for name, child in module._modules.items() if child is not None]


def check_states(net, where):
    """RunError where a module with a state stands in two places: both would share the state."""
    seen, waiting = {}, [(where, net)]
    while waiting:
        place, module = waiting.pop()
        if isinstance(module, MemoryModule):
            if id(module) in seen:
                here, there = sorted((place, seen[id(module)]))
                raise RunError(f"{there}: is the same {type(module).__name__} as {here} and would share its state. "
                               "Give each place one of its own.")
            seen[id(module)] = place
        waiting += [(f"{place}.{name}", child) for name, child in children_of(module)]
