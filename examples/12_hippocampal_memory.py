"""A memory made of spiking neurons: learn three patterns, recall by cue and from a fragment, forget one.

A cue is one neuron, a content any set of bits. Two of the three contents share a bit. What a cue holds is learned from
three spikes by spike-timing-dependent plasticity, in both directions: the cue recalls its content, and a bit recalls
the cues that have it. Forgetting is done by spikes too.

Run: python examples/12_hippocampal_memory.py
"""
from snn.circuits.cam import Hippocampus, Recall, Store

words = {"cat": {0, 1, 2}, "dog": {2, 3, 4}, "owl": {5, 6}}
names = list(words)


def named(cues):
    return ", ".join(names[k] for k in sorted(cues)) or "nothing"


memory = Hippocampus(cues=3, contents=8)
learning = memory.run([*(Store(k, words[name]) for k, name in enumerate(names)), Recall(cue=0)])
print("three stores and a recall, | is a spike, one column per ms:")
for population in ("in_cue", "in_cont", "out_cue", "out_cont"):
    for k, row in enumerate(learning.raster(population).T):
        print(f"{population if k == 0 else '':9}{k:2} {''.join('|' if fired else '.' for fired in row[:84])}")
assert learning.answers[-1] == words["cat"]

for k, name in enumerate(names):
    print(f"{name}: {sorted(memory.recall(cue=k))}")
    assert memory.recall(cue=k) == words[name]
for fragment in ({5}, {2}, {0, 6}):
    print(f"bits {sorted(fragment)} belong to {named(memory.recall(content=fragment))}")
assert memory.recall(content={2}) == {0, 1}, "a shared bit recalls both"

memory.forget(1)
print(f"dog forgotten: it holds {sorted(memory.recall(cue=1))}, bit 2 belongs to {named(memory.recall(content={2}))}")
assert memory.recall(cue=1) == set() and memory.recall(content={2}) == {0} and memory.recall(cue=0) == words["cat"]

memory.store(1, {4, 7})
print(f"dog again: {sorted(memory.recall(cue=1))}; {memory.time:g} ms of model time in all")
assert memory.recall(cue=1) == {4, 7}
