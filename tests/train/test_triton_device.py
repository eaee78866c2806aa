"""Time loops that Triton makes: the code that it compiles for a device, which need not be there, and runs on one."""
import re

import pytest
import torch
from triton_cases import CASES, EXACT, compare, given, layer_of

from snn.train import cut, kernel, unrolled
from snn.train.held import eager
from snn.train.layer import Layer
from snn.train.surrogate import ATan
from snn.train.triton_calls import BLOCK
from snn.train.triton_source import Source, function

triton = pytest.importorskip("triton", reason="Triton is not installed")


def assembly(case, dtype, tmp_path, monkeypatch):
    """PTX of the forward and the backward kernel of a case, as for a device of compute capability 8.0."""
    pytest.importorskip("triton", "3.7", reason="Triton 3.7 or newer, which compiles as this test asks it to")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    model, ports, learn, _ = CASES[case]
    step = unrolled.forward_graph(model, 1, 0.5, ports=tuple(ports), learned=learn)
    outputs, count = ("z" if step.spike is not None else "v",), len(step.graph.nodes)
    back = unrolled.backward_graph(step, outputs, ATan().derivative, tuple(ports), unrolled.frontier(step, outputs),
                                   step.moving)
    kept = cut.minimum_cut(kernel.needed_values(back, count), 4)
    found = []
    for made in (kernel.forward_kernel(step, outputs, kept, dtype, Source),
                 kernel.backward_kernel(step, back, outputs, kept, dtype, Source)):
        real = {"float32": "*fp32", "float64": "*fp64"}[dtype]
        kinds = dict.fromkeys(("columns", "width", "steps"), "i32") | {"uniforms": real, "lanes": real}
        for kind, keys in (("load", made.loads), ("store", made.stores)):
            for j, key in enumerate(keys):
                flag = key[0] == "kept" and step.graph.nodes[key[1]].is_boolean
                kinds |= {f"{kind}{j}": "*u8" if flag else real, f"{kind}{j}_stride": "i32"}
        kinds |= {f"held{j}": real for j in range(len(made.held))} | {"BLOCK": "constexpr"}
        source = ASTSource(function(made.text, made.name, False), kinds, {"BLOCK": BLOCK})
        contracts = {"enable_fp_fusion": made.name == "backward"}
        found.append(triton.compile(source, target=GPUTarget("cuda", 80, 32), options=contracts).asm["ptx"])
    return found


def test_forward_is_compiled_without_contraction_and_with_true_division(tmp_path, monkeypatch):
    forward, backward = assembly("cuba", "float32", tmp_path, monkeypatch)
    assert "mul.rn.f32" in forward and "fma" not in forward and "fma.rn.f32" in backward
    assert "div.rn.f32" in backward and not re.search(r"div\.(full|approx)|rcp\.approx|\.ftz", forward + backward)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_every_model_compiles_for_a_device(case, dtype, tmp_path, monkeypatch):
    forward, backward = assembly(case, dtype, tmp_path, monkeypatch)
    assert ".entry forward" in forward and ".entry backward" in backward
    assert case not in EXACT or "fma" not in forward
    assert not re.search(r"div\.(full|approx)|sqrt\.approx", forward + backward)


@pytest.mark.cuda
@pytest.mark.parametrize("each", [False, True], ids=["shared", "per-neuron"])
@pytest.mark.parametrize("case", [*EXACT, "quotient"])
def test_spikes_on_a_device_equal_eager_bit_for_bit(case, each):
    layer = layer_of(case, 300, each, torch.float32, dt=0.1 if each else 0.5).cuda()
    compare(layer, given(CASES[case][1], (100, 7, 300), torch.float32, "cuda"), True, 1e-4)


@pytest.mark.cuda
@pytest.mark.parametrize("case", CASES)
def test_gradients_on_a_device_equal_eager(case):
    layer = layer_of(case, 37, True).cuda()
    compare(layer, given(CASES[case][1], (30, 5, 37), device="cuda"), False, 1e-9)


@pytest.mark.cuda
def test_a_layer_picks_its_loop_on_a_device():
    layer = Layer(CASES["lif"][0], 13, dt=1.0).cuda()
    x = given(CASES["lif"][1], (20, 3, 13), torch.float32, "cuda")
    fast = layer.run(x).out
    assert layer.why_eager is None
    with eager():
        slow = layer.run(x).out
    assert torch.equal(slow, fast) and fast.is_cuda and float(fast.sum()) > 0
