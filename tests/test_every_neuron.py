"""What every model of the catalogue must fulfil; a new entry of ``snn.neurons.__all__`` is tested at once."""
import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from neuron_runs import MODELS, busy_state, every_model, fields_of, filled, freed, noise, of, run, varied

import snn
from snn.contract import heaviside, step
from snn.graph import trace

DT = 0.1


SPIKING = [M for M in MODELS if {"V_reset", "c"} & {f.name for f in dataclasses.fields(M)}]
spiking = of(SPIKING)


def smooth(margin):
    return torch.sigmoid(4.0 * margin)


# The methods are pure, elementwise and keep their precision


@every_model
def test_traces_to_a_graph_of_allowed_operations(Model):
    for model in (Model(), Model(**varied(Model, 3, 1))):
        inputs = {p: (lambda graph, p=p: graph.leaf("input", (p,))) for p in Model.Ports._fields}
        traced = trace(model, 3, DT, inputs)
        assert set(traced.state) == set(Model.State._fields)
        assert (traced.fired is None) == (model.bind(3, torch.float64).margin(filled(model.rest(), 3)) is None)


@every_model
def test_a_step_changes_nothing_outside(Model):
    model = Model().bind(8, torch.float64)
    s = busy_state(Model, 8, seed=3)
    x = Model.Ports(*(torch.as_tensor(a[0]) for a in noise(Model(), 1, 8, 4).values()))
    before = [t.clone() for t in (*s, *x)]
    first, second = step(model, s, x, DT, heaviside), step(model, s, x, DT, heaviside)
    assert all(torch.equal(a, b) for a, b in zip(before, (*s, *x), strict=True))
    assert all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(first[0], second[0], strict=True))


@every_model
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_states_keep_their_type(Model, dtype):
    model = Model().bind(4, dtype)
    s = Model.State(*(t.to(dtype) for t in busy_state(Model, 4, seed=5)))
    x = Model.Ports(*(torch.as_tensor(a[0]).to(dtype) for a in noise(Model(), 1, 4, 6).values()))
    for fire in (heaviside, smooth):
        assert {torch.as_tensor(t).dtype for t in step(model, s, x, DT, fire)[0]} == {dtype}


@every_model
def test_per_neuron_values_equal_single_neurons(Model):
    n, steps, name = 4, 100, Model.State._fields[0]
    values, inputs = varied(Model, n, 7), noise(Model(), steps, n, 8)
    together, fired, _ = run(Model(**values), steps, DT, inputs, n=n, record=name)
    for j in range(n):
        one = Model(**{k: float(v[j]) for k, v in values.items()})
        alone, alone_fired, _ = run(one, steps, DT, {p: a[:, j] for p, a in inputs.items()}, record=name)
        np.testing.assert_allclose(together[:, j], alone[:, 0], rtol=1e-9, atol=1e-9)
        assert (fired[:, j] == alone_fired[:, 0]).all()


@every_model
def test_batches_of_any_shape(Model):
    model, s = Model().bind(6, torch.float64), busy_state(Model, 6, seed=9)
    x = Model.Ports(*(torch.as_tensor(a[0]) for a in noise(Model(), 1, 6, 10).values()))
    flat, _ = step(model, s, x, DT, heaviside)
    wide, _ = step(model, Model.State(*(t.expand(5, 6) for t in s)), x, DT, heaviside)
    for a, b in zip(flat, wide, strict=True):
        np.testing.assert_allclose(torch.as_tensor(b).expand(5, 6)[4], torch.as_tensor(a).expand(6), rtol=1e-14)


# Gradients


@every_model
def test_gradients_of_a_smooth_step_are_right(Model):
    n, names = 3, [f.name for f in dataclasses.fields(Model)]
    params = [torch.full((n,), inside(f), dtype=torch.float64) for f in dataclasses.fields(Model)]
    state = far_from_threshold(Model, n)
    inputs = [torch.as_tensor(a[0]) for a in noise(Model(), 1, n, 12).values()]
    sizes = [len(state), len(state) + len(inputs)]

    def one_step(*tensors):
        s, x = Model.State(*tensors[:sizes[0]]), Model.Ports(*tensors[sizes[0]:sizes[1]])
        model = Model(**dict(zip(names, tensors[sizes[1]:], strict=True))).bind(n, torch.float64)
        after, z = step(model, s, x, DT, smooth)
        return tuple(t for t in (*after, z) if t is not None)

    leaves = [t.clone().requires_grad_() for t in (*state, *inputs, *params)]
    assert torch.autograd.gradcheck(one_step, leaves, eps=1e-6, atol=1e-5, rtol=1e-4)


def inside(f):
    """The default of a field, moved off the edge of its domain for the finite difference."""
    return f.default + 0.01 if f.default == f.metadata["bounds"]["at_least"] else f.default


def far_from_threshold(Model, n):
    """States with a moderate margin, where a finite difference is accurate; the last neuron is held if it can be."""
    s = freed(busy_state(Model, 64, seed=11))
    margin = Model().bind(64, torch.float64).margin(s)
    chosen = torch.arange(n) if margin is None else torch.nonzero(margin < -0.4).flatten()[:n]
    s = Model.State(*(t[chosen] for t in s))
    return s._replace(ref=torch.tensor([-1.0] * (n - 1) + [1.03]).double()) if "ref" in s._fields else s


@every_model
def test_gradients_reach_every_parameter_through_steps(Model):
    n, model = 3, Model()
    leaves = {k: torch.nn.Parameter(torch.full((n,), v, dtype=torch.float64)) for k, v in fields_of(model).items()}
    bound = Model(**leaves).bind(n, torch.float64)
    s, loss, inputs = filled(bound.rest(), n), 0.0, noise(model, 20, n, 13)
    for k in range(20):
        s, z = step(bound, s, Model.Ports(*(torch.as_tensor(a[k]) for a in inputs.values())), DT, smooth)
        loss = loss + sum(t.sum() for t in s) + (0.0 if z is None else z.sum())
    loss.backward()
    for name, leaf in leaves.items():
        assert torch.isfinite(leaf.grad).all() and (leaf.grad != 0).any(), name


# Claims


@of([M for M in MODELS if M.exact])
@settings(max_examples=30)
@given(a=st.floats(0.01, 30.0), b=st.floats(0.01, 30.0), seed=st.integers(0, 5))
def test_exact_means_that_flows_compose(Model, a, b, seed):
    model, s = Model().bind(16, torch.float64), freed(busy_state(Model, 16, seed))
    for one, two in zip(model.flow(s, a + b), model.flow(model.flow(s, a), b), strict=True):
        np.testing.assert_allclose(two, torch.as_tensor(one).expand(16), rtol=1e-12, atol=1e-12)


@of([M for M in MODELS if M().quiet() is not None])
@settings(max_examples=5)
@given(seed=st.integers(0, 1000), dt=st.sampled_from([0.1, 0.3, 1.0]))
def test_quiet_means_no_spike_without_input(Model, seed, dt):
    model = Model(**varied(Model, 16, seed))
    s, wait = busy_state(Model, 16, seed), round(model.quiet() / dt) + 2
    _, fired, _ = run(model, wait + 1000, dt, n=16, state=s, record=Model.State._fields[0])
    assert not fired[wait:].any()


@of([M for M in MODELS if M().quiet() is not None])
def test_rest_is_a_fixed_point_below_threshold(Model):
    model = Model(**varied(Model, 4, 14)).bind(4, torch.float64)
    s = filled(model.rest(), 4)
    for before, after in zip(s, model.flow(s, 1.0), strict=True):
        np.testing.assert_allclose(torch.as_tensor(after).expand(4), before, rtol=1e-13)
    assert model.margin(s) is None or (model.margin(s) < 0).all()


@of([M for M in SPIKING if "noise" not in M.Ports._fields])
def test_margin_is_zero_at_threshold_and_minus_one_after_a_reset(Model):
    model, s = Model().bind(16, torch.float64), busy_state(Model, 16, seed=15)
    after = model.reset(s, torch.ones(16, dtype=torch.bool))
    np.testing.assert_allclose(model.margin(after), -1.0, atol=1e-12)
    top = model.V_peak if hasattr(model, "V_peak") else model.V_th
    at_rest = filled(model.rest(), 16)
    np.testing.assert_allclose(model.margin(at_rest._replace(v=top.expand(16))), 0.0, atol=1e-12)
    # NEST's conductance neuron with alpha functions rests far below the potential to which it is reset.
    lowest = -3.5 if Model is snn.neurons.AlphaCobaLIF else -1.5
    assert ((model.margin(at_rest) > lowest) & (model.margin(at_rest) < -0.5)).all()


@spiking
def test_a_spike_changes_only_who_fired(Model):
    model, s = Model().bind(16, torch.float64), busy_state(Model, 16, seed=16)
    z = torch.arange(16) % 2 == 0
    after, smoothly = model.reset(s, z), model.reset(s, z.double())
    for name, a, b, c in zip(s._fields, s, after, smoothly, strict=True):
        assert torch.equal(a[~z], b[~z]), name
        np.testing.assert_allclose(c, b, rtol=1e-15)


@of([M for M in MODELS if "ref" in M.State._fields])
def test_held_for_the_refractory_time(Model):
    steps, strong = round(Model(t_ref=1.5).t_ref / DT), {"current": 1500.0, "noise": 0.5}
    v, fired, _ = run(Model(t_ref=1.5), 200, DT, strong)
    first, reset = int(np.argmax(fired)), float(Model().V_reset)
    held = v[first:first + steps + 1, 0]
    assert (held == held[0]).all() and v[first + steps + 1, 0] != held[0]
    # A soft reset leaves what exceeded the threshold, less than one step of the input.
    assert held[0] == reset or (Model is snn.neurons.SoftLIF and 0.0 < held[0] - reset < 1500.0 / 250.0 * DT)
    assert (np.diff(np.flatnonzero(fired)) > steps).all()
    back_to_back = run(Model(t_ref=0.0), 200, DT, strong)[1]
    assert back_to_back.sum() > fired.sum()


@every_model
def test_the_longest_step_is_stable(Model):
    longest = Model().max_dt()
    dt = 5.0 if longest is None else longest
    s = busy_state(Model, 16, seed=17)
    end = run(Model(), 500, dt, n=16, state=s, record=Model.State._fields[0])[2]
    assert all(torch.isfinite(t).all() and t.abs().max() < 1e4 for t in end)


@every_model
def test_extreme_inputs_stay_finite(Model):
    for size in (1e4, -1e4):
        inputs = {p: abs(size) if Model.units(Model.Ports)[p] == "nS" else size for p in Model.Ports._fields}
        for dtype in (torch.float32, torch.float64):
            model, zero = Model().bind(2, dtype), torch.zeros(2, dtype=dtype)
            s = Model.State(*(zero + t for t in model.rest()))
            for _ in range(50):
                s, _ = step(model, s, Model.Ports(**{p: zero + x for p, x in inputs.items()}), DT, heaviside)
            assert all(torch.isfinite(torch.as_tensor(t)).all() for t in s)


# Engines


def driven(Model, values, n, seed):
    """A network of one population whose every port has a plausible input."""
    net, rng = snn.Network("one"), np.random.default_rng(seed)
    cells = net.add("cells", Model(**values), n)
    for port, unit in Model.units(Model.Ports).items():
        if unit in ("mV", "nS"):
            net.drive(cells, snn.PoissonInput(rate=1500.0, weight=rng.uniform(1.0, 4.0, n)), port=port)
        elif port != "noise":
            size = rng.normal(200.0, 300.0, (30, n)) if unit == "pA" else rng.uniform(0.0, 15.0, (30, n))
            net.drive(cells, snn.CurrentInput(size, interval=1.0), port=port)
    return net


@every_model
@pytest.mark.parametrize("per_neuron", [
    pytest.param(False, marks=pytest.mark.slow),        # 25 s together; test_engines_agree.py has one value by default
    True], ids=["one value", "per neuron"])
def test_compiled_code_equals_the_reference(Model, per_neuron):
    n, duration = 9, 20.0
    values = varied(Model, n, 20) if per_neuron else fields_of(Model())
    if "rate" in values:
        values["rate"] = values["rate"] * 20.0
    if Model is snn.neurons.AlphaCobaLIF:
        values["tau_exc"] = values["tau_exc"] * 20.0
    record = [snn.RecordSpikes("cells"), *(snn.RecordState("cells", name) for name in Model.State._fields)]
    net = driven(Model, values, n, 21)
    reference, compiled = (snn.simulate(net, duration, dt=DT, seed=3, engine=engine, record=record)
                           for engine in (snn.Reference(), snn.EventDriven(threads=1)))
    assert reference.spikes["cells"] == compiled.spikes["cells"]
    assert (len(compiled.spikes["cells"]) > 0) == (Model().margin(busy_state(Model, n, 22)) is not None)
    for name in Model.State._fields:
        assert np.array_equal(reference.traces["cells", name].data, compiled.traces["cells", name].data), name


@of([M for M in MODELS if M().quiet() is not None])
def test_skipping_silence_changes_nothing(Model):
    """Rare input spikes; the population is advanced only when one arrives, with the claims exact and quiet."""
    rng = np.random.default_rng(23)
    n, spikes = 300, snn.Spikes(rng.uniform(0.0, 80.0, 60), rng.integers(0, 30, 60), n=30, duration=80.0)

    def network():
        net = snn.Network("sparse")
        source, cells = net.add("source", snn.neurons.SpikeSource(spikes), 30), net.add("cells", Model(), n)
        net.connect(source, cells, snn.FixedOutDegree(20), port="delta", weight=8.0, delay=1.0)
        return net

    record = [snn.RecordSpikes("cells")]
    reference, skipped = (snn.simulate(network(), 90.0, dt=DT, seed=3, engine=engine, record=record)
                          for engine in (snn.Reference(), snn.EventDriven(threads=1)))
    assert "skipped" in repr(skipped.plan)
    assert reference.spikes["cells"] == skipped.spikes["cells"]
    assert (len(skipped.spikes["cells"]) > 0) == (Model().margin(busy_state(Model, n, 22)) is not None)
