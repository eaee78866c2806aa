"""Which values of a forward step to keep for its backward step: a minimum cut.

What it is
    The gradient of a step reads some of the step's values. Each can be kept, or computed again from others that are
    kept. :func:`minimum_cut` finds the set that takes the fewest bytes per neuron and step, by the theorem of maximum
    flow (Ford and Fulkerson 1956): the nodes of the step are pipes as wide as what keeping them costs, water enters
    where nothing is known beforehand (states and inputs) and leaves at the values that are read.
"""

from collections import defaultdict, deque

_ENDLESS = 1 << 40


def minimum_cut(needed, size):
    """Nodes to keep so that all of ``needed`` can be computed. ``size``: bytes of a real number; booleans take one.

    Constants and learned constants cost nothing and are never kept. Returns the nodes in order of index.
    """
    nodes = _ancestors(needed)
    room = defaultdict(lambda: defaultdict(int))
    for n in nodes.values():
        room["in", n.index]["out", n.index] = 1 if n.is_boolean else size
        if n.op in ("state", "port"):
            room["source"]["in", n.index] = _ENDLESS
        for a in n.args:
            if a.index in nodes:
                room["out", a.index]["in", n.index] = _ENDLESS
    for n in needed:
        room["out", n.index]["sink"] = _ENDLESS
    while path := _path(room):
        flow = min(room[a][b] for a, b in path)
        for a, b in path:
            room[a][b] -= flow
            room[b][a] += flow
    reached = _reachable(room)
    return [n for i, n in sorted(nodes.items()) if ("in", i) in reached and ("out", i) not in reached]


def _ancestors(needed):
    """The values that ``needed`` are made of, themselves included: {index: Node}, constants left out."""
    found, stack = {}, [n for n in needed]
    while stack:
        n = stack.pop()
        if n.index not in found and n.value is None:
            found[n.index] = n
            stack.extend(n.args)
    return found


def _path(room):
    """A shortest path with room from source to sink, as edges; None where there is none."""
    before, queue = {"source": None}, deque(["source"])
    while queue and "sink" not in before:
        a = queue.popleft()
        for b, free in room[a].items():
            if free > 0 and b not in before:
                before[b] = a
                queue.append(b)
    if "sink" not in before:
        return None
    path, b = [], "sink"
    while before[b] is not None:
        path.append((before[b], b))
        b = before[b]
    return path


def _reachable(room):
    seen, stack = {"source"}, ["source"]
    while stack:
        for b, free in list(room[stack.pop()].items()):
            if free > 0 and b not in seen:
                seen.add(b)
                stack.append(b)
    return seen
