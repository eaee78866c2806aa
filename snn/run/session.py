"""What engines give to a run: a network in memory that can be advanced."""
import numpy as np


class Session:
    """A network in memory, at step ``step``; made by ``engine.start(plan, channels, state)``.

    ``advance(stop)`` runs until at most step ``stop`` and returns the step reached; ``drain(*sinks)`` hands over what
    was recorded since; ``state()`` is a checkpoint. An engine that computes several runs at once takes one sink
    per run and gives ``state(run)``.
    """

    def __init__(self, plan, channels, state):
        self.plan, self.channels = plan, channels
        self.step = state.step if state is not None else 0

    def weights(self, projection):
        """Weights of a projection, in the order of its rows."""
        q = self.plan.projection(projection)
        return np.broadcast_to(q.weight, (q.csr.n_synapses,))

    def close(self):
        """Give back threads and files; the session is not used afterwards."""
