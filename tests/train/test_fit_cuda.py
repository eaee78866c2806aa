"""The training loop on a CUDA device."""
import pytest
import torch
from toy import Toy, make_net, our_net

from snn.train.fitting import evaluate, fit
from snn.train.losses import CrossEntropy
from snn.train.options import Every, Options

pytestmark = pytest.mark.cuda
LOSS = CrossEntropy()


def train(net, data, epochs=6, out=None, **more):
    optimiser = torch.optim.Adam(net.parameters(), 0.05)
    return fit(net, data, LOSS, optimiser, epochs=epochs, out=out, options=Options(**more))


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("make", [make_net, our_net])
def test_it_learns(make, precision):
    net = make().cuda()
    history = train(net, Toy(), epochs=12, precision=precision)
    assert history.values("loss")[-1] < 0.8 * history.values("loss")[0]
    assert net[1].v.dtype == torch.float32 if make is our_net else True
    assert evaluate(net, Toy(4, seed=1), score=LOSS.accuracy)["score"] > 0.7


def test_a_resumed_run_is_the_whole_run(tmp_path):
    """Dropout draws from the generator of the device; sums on a device need not be the same bit for bit."""
    class Stopping(Toy):
        def batch(self, *at):
            if at == (2, 3):
                raise KeyError
            return super().batch(*at)

    whole = train(make_net().cuda(), Toy(), seed=5)
    with pytest.raises(KeyError):
        train(make_net().cuda(), Stopping(), out=tmp_path, seed=5, checkpoint=Every(batches=2))
    resumed = train(make_net(seed=9).cuda(), Toy(), out=tmp_path, resume=True)
    assert resumed.values("loss") == pytest.approx(whole.values("loss"), rel=1e-4)
