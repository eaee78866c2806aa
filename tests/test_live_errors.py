"""Wrong use of a run that is controlled from Python."""
import numpy as np
import pytest
from plastic_networks import DT, assert_same_projections, quick, teach

import snn
from snn.plasticity import RewardSTDP


def start(net):
    return snn.start(net, dt=DT, seed=3)


def learner(rule=None, **options):
    net, *_ = teach(rule or quick("PairSTDP"), n_pre=6, n_post=5, **options)
    return net


@pytest.mark.parametrize("message, action", [
    (r"^Simulation\.set_input: .* no ControlledInput .* net\.drive\.", lambda s: s.set_input(3, 1.0)),
    (r"^Simulation\.set_input: .*no ControlledInput", lambda s: s.set_input(snn.ControlledInput(), 1.0)),
    (r"^Simulation\.modulate: .*modulates nothing", lambda s: s.modulate(snn.Modulator(), 1.0)),
    (r"^Simulation\.modulate: .*modulates nothing", lambda s: s.modulate("plastic", 1.0)),
    (r"'no' is no plastic projection\. The network has: plastic", lambda s: s.freeze("no")),
    (r"'teacher_post' is no plastic projection", lambda s: s.set_weights("teacher_post", 1.0)),
    (r"^Simulation\.set_weights: 2 to 2 is not within the bounds of PairSTDP \(0\.0 to 1\.0\)",
     lambda s: s.set_weights("plastic", 2.0)),
    (r"^Simulation\.set_weights: shape \(3,\) for 30 synapses", lambda s: s.set_weights("plastic", [0.1] * 3)),
    (r"^Simulation\.set_weights: .*not finite", lambda s: s.set_weights("plastic", np.nan)),
    (r"no projection named 'no'\. The network has: teacher_post, plastic", lambda s: s.weights("no")),
    (r"no projection named 'no'", lambda s: s.connections("no")),
    (r"no population named 'no'", lambda s: s.states("no", "v")),
    (r"^Simulation\.states: 'post' has no state 'w'\. It has: v, ref, i\.", lambda s: s.states("post", "w")),
    (r"^Simulation\.states: 'pre' has no state 'v'\. It has: none\.", lambda s: s.states("pre", "v")),
    (r"not a whole number of steps", lambda s: s.run(0.3)),
    (r"is 'x' ms", lambda s: s.run("x")),
    (r"is -1 ms", lambda s: s.run(-1)),
])
def test_wrong_use(message, action):
    """Each is refused in our words, and the simulation goes on as if it had not been asked."""
    net = learner()
    with start(net) as sim, start(net) as other:
        sim.run(5.0)
        with pytest.raises(snn.RunError, match=message) as caught:
            action(sim)
        assert str(caught.value).endswith((".", "none"))
        sim.run(5.0), other.run(5.0), other.run(5.0)
        assert_same_projections(sim.state.projections, other.state.projections)


@pytest.mark.parametrize("value", ["x", None, [[1.0]], [1.0, 2.0]], ids=str)
@pytest.mark.parametrize("name", ["set_input", "set_weights", "modulate"])
def test_wrong_values(name, value):
    """Shapes and values that do not fit are RunErrors."""
    dopamine, control = snn.Modulator(), snn.ControlledInput()
    net = learner(RewardSTDP(), modulator=dopamine)
    net.drive(net.populations["post"], control, port="current")
    with start(net) as sim, pytest.raises(snn.RunError, match="Give|whole"):
        {"set_input": lambda: sim.set_input(control, value), "set_weights": lambda: sim.set_weights("plastic", value),
         "modulate": lambda: sim.modulate(dopamine, value)}[name]()


def test_start_checks_before_it_starts():
    with pytest.raises(snn.RunError, match="engine"):
        snn.start(learner(), dt=DT, engine="fast")
    with pytest.raises(snn.NetworkError, match="not a whole number"):
        snn.start(learner(), dt=0.3)
