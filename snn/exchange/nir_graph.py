"""The structure of a NIR graph: graphs in graphs opened, loops found, chains told from other graphs."""
from dataclasses import dataclass

from snn.errors import DataError
from snn.exchange.nir_nodes import NEURONS

LINEAR = ("Linear", "Affine", "Scale", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d", "Flatten", "Delay")


MOST_NODES = 4096


class NotAChain(Exception):
    """Why a graph is no chain of layers."""


@dataclass(frozen=True)
class Flat:
    """A graph without graphs in it: ``nodes`` {name: node}, ``edges`` [(from, to)], each once.

    Names of nodes in graphs are ``graph.node``. There is one Input and one Output node or more.
    """

    nodes: dict
    edges: list

    def before(self, name):
        return [a for a, b in self.edges if b == name]

    def behind(self, name):
        return [b for a, b in self.edges if a == name]

    def named(self, kind):
        return [name for name, node in self.nodes.items() if type(node).__name__ == kind]

    def spikes(self, name):
        return type(self.nodes[name]).__name__ in NEURONS

    def linear(self, name):
        return type(self.nodes[name]).__name__ in LINEAR


def flat(graph, where):
    """The :class:`Flat` of a ``nir.NIRGraph``. Errors: DataError for nodes or a structure that cannot be read."""
    nodes, edges, identities = {}, [], []
    _open(graph, "", where, nodes, edges, identities)
    for name in identities:
        before, behind = [a for a, b in edges if b == name], [b for a, b in edges if a == name]
        if name in before:
            raise DataError(f"{where}: the node {name!r} leads to itself and holds nothing. Put a neuron into "
                            "the loop.")
        edges = [e for e in edges if name not in e] + [(a, b) for a in before for b in behind]
        del nodes[name]
    if len(set(edges)) < len(edges):
        twice = next(e for e in edges if edges.count(e) > 1)
        raise DataError(f"{where}: {twice[0]!r} leads to {twice[1]!r} twice. Every edge may be there once.")
    for kind in ("Input", "Output"):
        if not any(type(node).__name__ == kind for node in nodes.values()):
            raise DataError(f"{where}: the graph has no {kind} node. Add one.")
    for name, node in nodes.items():
        if type(node).__name__ not in (*NEURONS, *LINEAR, "Input", "Output"):
            raise DataError(f"{where}.{name}: a {type(node).__name__} cannot be read. Readable are: "
                            f"{', '.join((*NEURONS, *LINEAR))}, Input, Output, NIRGraph.")
        if type(node).__name__ != "Input" and not any(b == name for _, b in edges):
            raise DataError(f"{where}.{name}: nothing leads to it. Every node needs an input.")
    return Flat(nodes, edges)


def _open(graph, prefix, where, nodes, edges, identities, depth=0):
    if depth > 16:
        raise DataError(f"{where}.{prefix}: lies more than 16 graphs deep. Flatter graphs are read.")
    for name, node in graph.nodes.items():
        kind, full = type(node).__name__, prefix + name
        if kind == "NIRGraph":
            _open(node, f"{full}.", where, nodes, edges, identities, depth + 1)
            continue
        if full in nodes or len(nodes) == MOST_NODES:
            raise DataError(f"{where}.{full}: is there twice, or one of more than {MOST_NODES} nodes. Give a smaller "
                            "graph with distinct names.")
        nodes[full] = node
        if kind == "Identity" or prefix and kind in ("Input", "Output"):
            identities.append(full)
    for a, b in graph.edges:
        for name in (a, b):
            if name not in graph.nodes:
                raise DataError(f"{where}: an edge names the node {prefix + name!r}, which is not there.")
        edges.append((prefix + _end(graph, a, "Output", where), prefix + _end(graph, b, "Input", where)))


def _end(graph, name, kind, where):
    """The node that an edge meets: of a graph its Input or Output, however deep."""
    node = graph.nodes[name]
    if type(node).__name__ != "NIRGraph":
        return name
    ends = [k for k, inner in node.nodes.items() if type(inner).__name__ == kind]
    if len(ends) != 1:
        raise DataError(f"{where}.{name}: a graph in the graph has {len(ends)} {kind} nodes. One is needed.")
    return f"{name}.{ends[0]}"


def loops_of(graph, name):
    """Simple ways of linear nodes from a neuron back to itself, as lists of names."""
    found = []
    for way in graph.behind(name):
        path = []
        while way != name and graph.linear(way) and way not in path \
                and len(graph.before(way)) == len(graph.behind(way)) == 1:
            path.append(way)
            way = graph.behind(way)[0]
        if way == name:
            found.append(path)
    return found


def chain(graph):
    """``(loops, steps)`` of a graph that is a chain of layers.

    ``loops``: {neuron: [names of linear nodes from it to itself]}; ``steps``: what follows the Input, in order: a name,
    or a list of ways (lists of names) that all begin at what was before and are summed.
    Errors: NotAChain.
    """
    for kind in ("Input", "Output"):
        if len(graph.named(kind)) > 1:
            raise NotAChain(f"it has {len(graph.named(kind))} {kind} nodes")
    loops = {name: loops_of(graph, name) for name in graph.nodes if graph.spikes(name)}
    several = [name for name, ways in loops.items() if len(ways) > 1]
    if several:
        raise NotAChain(f"{several[0]!r} has {len(loops[several[0]])} recurrent connections")
    closed = {(a, b) for name, ways in loops.items() for way in ways
              for a, b in zip([name, *way], [*way, name], strict=True)}
    rest = Flat(graph.nodes, [e for e in graph.edges if e not in closed])
    here, steps, seen = rest.named("Input")[0], [], set()
    while type(graph.nodes[here]).__name__ != "Output":
        seen.add(here)
        ways = [_way(rest, here, b) for b in rest.behind(here)]
        ends = {end for _, end in ways}
        if len(ends) != 1:
            raise NotAChain(f"{here!r} leads to {len(ends)} places" if ends else f"nothing follows {here!r}")
        end = ends.pop()
        if end in seen or len(rest.before(end)) != len(ways):
            raise NotAChain(f"{end!r} has inputs from several places")
        steps += [[path for path, _ in ways]] if len(ways) > 1 else ways[0][0]
        steps.append(end)
        here = end
    used = {n for step in steps for n in ([step] if isinstance(step, str) else [n for way in step for n in way])}
    used |= seen | {n for ways in loops.values() for way in ways for n in way}
    if left := sorted(set(graph.nodes) - used):
        raise NotAChain(f"{left[0]!r} lies beside it")
    return {name: ways[0] for name, ways in loops.items() if ways}, steps


def _way(graph, start, name):
    """``(linear nodes, end)``: from an edge on to the first node that is a neuron, an end, a fork or a join."""
    path = []
    while graph.linear(name) and len(graph.before(name)) == 1 and len(graph.behind(name)) == 1 and name not in path:
        path.append(name)
        name = graph.behind(name)[0]
    return path, name
