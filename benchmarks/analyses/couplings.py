"""What is known about the couplings of the states before the data: nothing, a shared mean, a shared connectome.

Each has ``parameters`` (tensors to learn), ``weights()`` [states, n, n] for a step of learning, ``expected()`` for the
posterior of the states during learning, ``final()`` for evaluation, and ``penalty()`` in nats.
"""
import torch
from torch.nn.functional import kl_div, log_softmax, one_hot, softmax, softplus

TEMPERATURE = 0.5
SPREAD = 0.1


class Free:
    """Naive: every state has couplings of its own; with one state the ordinary GLM."""

    def __init__(self, n, states, generator):
        self.states = states
        self.w = (SPREAD * torch.randn(states, n, n, generator=generator)).requires_grad_()

    @property
    def parameters(self):
        return [self.w]

    def weights(self):
        return self.w

    expected = final = weights

    def penalty(self):
        return 0.0


class Shared(Free):
    """Gaussian: the couplings of all states are normal around a mean that they share, with variance ``variance``."""

    def __init__(self, n, states, generator, *, variance):
        super().__init__(n, states, generator)
        self.variance, self.mean = variance, torch.zeros(n, n, requires_grad=True)

    @property
    def parameters(self):
        return [self.w, self.mean]

    def penalty(self):
        return ((self.w - self.mean) ** 2).sum() / (2 * self.variance)


class OneHot:
    """One-hot: a coupling is a strength times one of (-1, 0, 1); the choices of all states are pulled to shared ones.

    w = softplus(s) (exc - inh), (inh, none, exc) ~ Gumbel-softmax(logits) in a step of learning, the most probable of
    the three in evaluation. The penalty is ``pull`` times the sum of the Kullback-Leibler divergences from the shared
    choice.
    """

    SIGN = torch.tensor([-1.0, 0.0, 1.0])

    def __init__(self, n, states, generator, *, pull):
        self.states, self.pull, self.generator = states, pull, generator
        shape = (states, n, n)
        self.logits = (SPREAD * torch.randn(*shape, 3, generator=generator)).requires_grad_()
        self.strength = (SPREAD * torch.randn(*shape, generator=generator)).requires_grad_()
        self.connectome = torch.zeros(n, n, 3, requires_grad=True)

    @property
    def parameters(self):
        return [self.logits, self.strength, self.connectome]

    def weights(self):
        noise = torch.empty_like(self.logits).exponential_(generator=self.generator)
        return self._of(softmax((self.logits - noise.log()) / TEMPERATURE, -1))

    def expected(self):
        return self._of(softmax(self.logits, -1))

    def final(self):
        return self._of(one_hot(self.logits.argmax(-1), 3).to(self.logits))

    def penalty(self):
        return self.pull * kl_div(log_softmax(self.connectome, -1).expand_as(self.logits),
                                  log_softmax(self.logits, -1), reduction="sum", log_target=True)

    def _of(self, choice):
        return softplus(self.strength) * (choice @ self.SIGN)
