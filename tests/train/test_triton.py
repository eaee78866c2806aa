"""Time loops that Triton makes from the model's text, run by its interpreter: equal to the eager ones."""
import weakref

import numpy as np
import pytest
import torch
from triton_cases import CASES, EXACT, UNIT, compare, given, layer_of, on_eager, on_triton, relative

from snn.errors import ModelError
from snn.neurons import LIF
from snn.train import kernel, triton_runner, unrolled
from snn.train.fused import NotFused
from snn.train.layer import Layer
from snn.train.surrogate import ATan, MultiGaussian, Rectangle, Sigmoid, SuperSpike, Triangle
from snn.train.triton_calls import BLOCK
from snn.train.triton_source import Source, function

# The interpreter of Triton 3.2 fails beside numpy 2.4.
triton = pytest.importorskip("triton", "3.7", reason="Triton 3.7 or newer, for its interpreter, is not installed")
# The interpreter computes the lanes behind the last neuron too, on zeros; nothing stores what comes out.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning:triton.runtime.interpreter")


@pytest.fixture
def interpreter(monkeypatch):
    """Triton's interpreter on the CPU; numpy stands for CUDA's library of functions, which it does not have."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    from triton.language.extra import libdevice
    from triton.runtime.interpreter import TensorHandle

    def of_numpy(f):
        def call(*args):
            first = args[0]
            data = f(*(a.handle.data for a in args)).astype(first.handle.data.dtype)
            return triton.language.tensor(TensorHandle(data, first.handle.dtype), first.type)
        return call

    for name in ("exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "rint"):
        monkeypatch.setattr(libdevice, name, of_numpy(getattr(np, name)))
    monkeypatch.setattr(libdevice, "pow", of_numpy(np.power))


@pytest.mark.parametrize("each", [False, True], ids=["shared", "per-neuron"])
@pytest.mark.parametrize("case", CASES)
def test_equals_eager(case, each, interpreter):
    layer = layer_of(case, 5, each, detach_reset=each)
    slow, _ = compare(layer, given(CASES[case][1], (12, 2, 5)), not CASES[case][3], 1e-9)
    assert case == "readout" or 0.01 < float(slow.out.detach().mean()) < 0.95


@pytest.mark.parametrize("case", EXACT)
def test_single_precision_gives_the_same_spikes(case, interpreter):
    layer = layer_of(case, 5, True, torch.float32, dt=0.1 if case == "lif-held" else 0.5)
    compare(layer, given(CASES[case][1], (12, 2, 5), torch.float32), True, 2e-5)


@pytest.mark.parametrize("fire", [ATan(5.0), Sigmoid(), Triangle(), Rectangle(), SuperSpike(10.0), MultiGaussian()])
def test_every_surrogate(fire, interpreter):
    compare(layer_of("alif", 5, False, fire=fire), given(CASES["alif"][1], (8, 2, 5)), True, 1e-9)


def test_traces_and_a_given_state(interpreter):
    layer, inputs = layer_of("lif-held", 5, False), given(CASES["lif-held"][1], (10, 2, 5))
    half = {p: x[:4] for p, x in inputs.items()}
    state = type(first := on_triton(layer).run(half).state)(*(v.detach() for v in first))
    assert float(state.v.abs().max()) > 0 and float(state.ref.max()) > 0
    compare(layer, {p: x[4:] for p, x in inputs.items()}, True, 1e-9, traces=("v", "margin", "ref"), state=state)


def test_more_neurons_than_a_program_takes(interpreter):
    n = BLOCK // 2 + 3
    slow, _ = compare(layer_of("lif", n, True), given(CASES["lif"][1], (4, 3, n)), True, 1e-9)
    assert 3 * n > BLOCK and float(slow.out[:, 2].detach().sum()) > 0


def test_channels_last_is_kept(interpreter):
    x = torch.randn(4, 2, 3, 5, 5).permute(0, 1, 4, 2, 3)
    _, fast = compare(Layer(CASES["lif"][0], dt=1.0), {"delta": x}, True, 1e-5)
    assert not x.is_contiguous() and fast.out.stride() == x.stride()


@pytest.mark.parametrize("reduce", [lambda z: z.mean(), lambda z: z[-1].sum(), lambda z: z.sum(0)[:, ::2].sum()])
def test_gradients_of_any_layout(reduce, interpreter):
    layer, x = layer_of("lif", 5, False), given(CASES["lif"][1], (8, 2, 5))["delta"]
    grads = []
    for way in (on_eager, on_triton):
        v = x.clone().requires_grad_()
        reduce(way(layer).run(v).out).backward()
        grads.append(v.grad)
    assert relative(*grads) < 1e-9 and float(grads[0].abs().max()) > 0


def test_without_gradient(interpreter):
    layer, x = layer_of("alif", 5, True), given(CASES["alif"][1], (8, 2, 5))["delta"]
    with torch.no_grad():
        slow, fast = (way(layer).run(x).out for way in (on_eager, on_triton))
    assert torch.equal(slow, fast) and float(fast.sum()) > 0


def test_learned_parameter_moves_without_a_new_trace(interpreter):
    layer, x = on_triton(layer_of("lif", 5, True)), given(CASES["lif"][1], (8, 2, 5))["delta"]
    before = layer.run(x, traces=("v",)).traces["v"]
    with torch.no_grad():
        for p in layer.parameters():
            p.add_(0.3)
    after = layer.run(x, traces=("v",)).traces["v"]
    right = on_eager(layer).run(x, traces=("v",)).traces["v"]
    assert torch.equal(after, right) and not torch.equal(before, after)


def lif_runner(device="cpu", dtype=torch.float32, learned=()):
    return triton_runner.runner(CASES["lif"][0], 1.0, ATan(), False, learned, ("delta",), "z", (), dtype, device)


@pytest.mark.parametrize("as_given", [lambda v: v, lambda v: v[0, 0].expand(v.shape)], ids=["whole", "expanded"])
def test_a_state_that_the_loop_does_not_expect_is_refused(as_given, interpreter):
    runner, x, layer = lif_runner(), torch.zeros(3, 2, 4), Layer(CASES["lif"][0], 4, dt=1.0)
    rest = layer.run(x).state
    runner({"delta": x}, rest, {})
    with pytest.raises(NotFused, match="state"):
        runner({"delta": x}, rest._replace(i=as_given(torch.full((2, 4), 5.0))), {})


def test_a_state_that_was_changed_in_place_is_looked_at_again(interpreter):
    runner, x, layer = lif_runner(), torch.zeros(3, 2, 4), Layer(CASES["lif"][0], 4, dt=1.0)
    state = layer.run(x).state._replace(i=torch.zeros(2, 4))
    runner({"delta": x}, state, {})
    state.i.fill_(5.0)
    with pytest.raises(NotFused, match="'i'"):
        runner({"delta": x}, state, {})


def test_no_state_is_kept_alive(interpreter):
    runner, x, layer = lif_runner(), torch.zeros(3, 2, 4), Layer(CASES["lif"][0], 4, dt=1.0)
    state = layer.run(x).state._replace(v=torch.zeros(2, 4))
    alive = weakref.ref(state.v)
    runner({"delta": x}, state, {})
    del state
    assert alive() is None


def test_says_in_a_sentence_why_it_is_not_made(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(NotFused, match="on cpu"):
        lif_runner()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NotFused, match="not installed"):
        lif_runner("cuda")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_triton_cannot_compile_for_is_no_error_of_its_own(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(NotFused, match=r"cannot compile for cuda \("):
        lif_runner("cuda")


def test_a_recurrent_layer_runs_eagerly_with_a_reason(interpreter):
    with pytest.raises(NotFused, match="recurrent"):
        lif_runner().recurrent(None)


def test_only_the_backward_pass_may_contract(interpreter, monkeypatch):
    asked = []

    class Kernel:
        def __init__(self, text, name, interpreted):
            self.name = name

        def __getitem__(self, grid):
            return lambda *words, **options: asked.append((self.name, grid, options["enable_fp_fusion"]))

    monkeypatch.setattr(triton_runner, "function", Kernel)
    layer = on_triton(Layer(CASES["lif"][0], dt=1.0))
    layer.run(torch.zeros(3, 2, BLOCK, requires_grad=True)).out.sum().backward()
    assert asked == [("forward", (2,), False), ("backward", (2,), True)]


def test_an_operation_without_a_kernel_is_named():
    step = unrolled.forward_graph(CASES["lif"][0], 1, 1.0, ports=("delta",))
    port = kernel.leaf(step, "port", "delta")
    odd = step.graph._intern("erfinv", (port,), (), None, False)
    with pytest.raises(ModelError, match="LIF: torch.erfinv of a state"):
        Source("forward", "float32", {"delta": port}, {"odd": odd}, {}, backwards=False).build()


def test_source_lies_in_the_cache_and_a_damaged_file_does_not_matter(interpreter, monkeypatch, tmp_path):
    monkeypatch.setenv("SNN_CACHE_DIR", str(tmp_path))
    text = lif_runner().pair(None).forward.kernel.text
    function.cache_clear()
    function(text, "forward", True)
    (file,) = (tmp_path / "triton").iterdir()
    assert file.read_text() == text
    file.write_text("raise SystemError")
    function.cache_clear()
    x = torch.full((6, 2, 4), 0.4)
    layer = on_triton(Layer(CASES["lif"][0], 4, dt=1.0))
    assert float(layer.run(x).out.sum()) > 0


def test_parameters_are_no_part_of_the_code(interpreter):
    one, other = (triton_runner.runner(LIF(tau_m=tau, t_ref=0.0, **UNIT), 1.0, ATan(), False, (), ("delta",), "z", (),
                                       torch.float32, "cpu").pair(None).forward for tau in (5.0, 20.0))
    assert one.kernel.text == other.kernel.text and not torch.equal(one.uniforms, other.uniforms)
