"""Who is connected to whom, as a rule that acts in time may ask (:meth:`snn.rule.SynapticRule.on_time`)."""
from dataclasses import dataclass

import torch


@dataclass(frozen=True, eq=False)
class Wiring:
    """The synapses of a projection, in the order of its rows (by presynaptic neuron, then by target).

    Fields: ``pre``, ``post`` int64 [synapses], numbers within the two sides; ``n_pre``, ``n_post``; ``every`` ms since
    the rule acted last.
    """

    pre: torch.Tensor
    post: torch.Tensor
    n_pre: int
    n_post: int
    every: float

    def sum_by_post(self, values):
        """For every synapse the sum of ``values`` [synapses] over all synapses of its target."""
        total = torch.zeros(self.n_post, dtype=values.dtype, device=values.device)
        return total.index_add_(0, self.post, values)[self.post]

    def running(self, values):
        """For every synapse the sum of ``values`` over the synapses of its row up to itself (ascending targets)."""
        before = torch.cat([values.new_zeros(1), torch.cumsum(values, 0)])
        first = torch.searchsorted(self.pre, torch.arange(self.n_pre, device=values.device))
        return before[1:] - before[first][self.pre]
