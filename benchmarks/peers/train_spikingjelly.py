"""SpikingJelly, multi-step mode, torch backend (the only one there is on the CPU). Delay nets are in ``train_dcls``."""
import spikingjelly
import torch
from spikingjelly.activation_based import base, functional, layer, neuron, surrogate

from benchmarks.peers.train_protocol import Trial, Weight, norm_weights, serve


def lif(step_mode="m"):
    return neuron.LIFNode(tau=2.0, detach_reset=True, surrogate_function=surrogate.ATan(), step_mode=step_mode)


def trial(net, weights, x, needs_input=False):
    """A Trial of a multi-step net that is reset before every sequence."""
    def run():
        functional.reset_net(net)
        return net(x)

    return Trial(run, weights, list(net.parameters()), input=Weight(x) if needs_input else None)


def feedforward(problem, dtype, variant):
    sizes = problem.shape.sizes
    lins = [layer.Linear(a, b, bias=False, step_mode="m") for a, b in zip(sizes, sizes[1:], strict=False)]
    net = torch.nn.Sequential(*(module for lin in lins for module in (lin, lif()))).to(dtype)
    weights = {f"w{k}": Weight(lin.weight) for k, lin in enumerate(lins)}
    return trial(net, weights, torch.as_tensor(problem.x, dtype=dtype))


def single_layer(problem, dtype, variant):
    x = torch.as_tensor(problem.x, dtype=dtype).requires_grad_()
    return trial(lif(), {}, x, needs_input=True)


class Recurrent(base.MemoryModule):
    """Its neuron, one step at a time, with a dense matrix from the spikes of the step before.

    The package's ``LinearRecurrentContainer`` joins input and spikes and so multiplies twice as much (483 against
    244 ms in an earlier sitting); this is the faster way of saying the same.
    """

    def __init__(self, n):
        super().__init__()
        self.rec, self.neuron, self.step_mode = torch.nn.Linear(n, n, bias=False), lif("s"), "m"

    def multi_step_forward(self, x_seq):
        spikes, found = None, []
        for x in x_seq.unbind(0):
            spikes = self.neuron(x if spikes is None else x + self.rec(spikes))
            found.append(spikes)
        return torch.stack(found)


def recurrent(problem, dtype, variant):
    sizes = problem.shape.sizes
    lins = [layer.Linear(a, b, bias=False, step_mode="m") for a, b in zip(sizes, sizes[1:], strict=False)]
    recs = [Recurrent(n) for n in sizes[1:-1]]
    pairs = zip(lins, [*recs, lif()], strict=True)
    net = torch.nn.Sequential(*(module for pair in pairs for module in pair)).to(dtype)
    weights = {f"w{k}": Weight(lin.weight) for k, lin in enumerate(lins)}
    weights |= {f"r{k}": Weight(rec.rec.weight) for k, rec in enumerate(recs)}
    return trial(net, weights, torch.as_tensor(problem.x, dtype=dtype))


def convolution(problem, dtype, variant):
    c0, c1, w0, w1 = (problem.weights[name].shape for name in ("c0", "c1", "w0", "w1"))
    net = torch.nn.Sequential(
        layer.Conv2d(c0[1], c0[0], 3, padding=1, bias=False), layer.BatchNorm2d(c0[0]), lif(), layer.MaxPool2d(2, 2),
        layer.Conv2d(c1[1], c1[0], 3, padding=1, bias=False), layer.BatchNorm2d(c1[0]), lif(), layer.MaxPool2d(2, 2),
        layer.Flatten(), layer.Linear(w0[1], w0[0], bias=False), lif(), layer.Linear(w1[1], w1[0], bias=False), lif())
    functional.set_step_mode(net, "m")
    net = net.to(dtype)
    if variant == "channels-last":
        net = net.to(memory_format=torch.channels_last)
    image = torch.as_tensor(problem.x[0], dtype=dtype)
    steps = problem.shape.steps
    names = {"c0": net[0], "c1": net[4], "w0": net[9], "w1": net[11]}
    weights = {name: Weight(module.weight) for name, module in names.items()} | norm_weights((net[1], net[5]))
    made = trial(net, weights, image)

    def run():
        functional.reset_net(net)
        return net(image.unsqueeze(0).expand(steps, *image.shape))

    made.run = run
    return made


BUILDERS = {"feedforward": feedforward, "layer": single_layer, "recurrent": recurrent, "convolution": convolution}

if __name__ == "__main__":
    serve(BUILDERS, getattr(spikingjelly, "__version__", "2.0.0"))
