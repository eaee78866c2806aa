"""Delay layers, spikes and gradients for the tests of delays."""
import torch

from snn.train.delay import Delay
from snn.train.held import reset
from snn.train.kernels_of_delay import Gaussian, Linear, Rounded, SmoothedGradient

KERNELS = [Gaussian(), Linear(), SmoothedGradient(), Rounded()]


def layer(kernel=Linear(), n_in=5, n_out=4, longest=8.0, dt=1.0, progress=0.3, **options):     # noqa: B008
    torch.manual_seed(2)
    made = Delay(n_in, n_out, longest=longest, dt=dt, kernel=kernel, **options).double()
    made.anneal(progress)
    return made


def spikes(steps=20, batch=3, n=5, seed=0):
    return (torch.rand(steps, batch, n, generator=torch.Generator().manual_seed(seed)) < 0.3).double()


def gradients(net, x, out_grad=None):
    reset(net)
    x = x.clone().requires_grad_()
    out = net(x)
    out_grad = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=out.dtype) if out_grad is None \
        else out_grad
    parameters = [p for p in net.parameters() if p.requires_grad]
    return out.detach(), torch.autograd.grad(out, [x, *parameters], out_grad)
