"""A wrong description is refused before anything runs: by the call that is wrong, or by the plan."""

import numpy as np
import pytest
from networks import DT
from refusals import make, refused

import snn
from snn.delays import MAX_DELAY
from snn.neurons import LIF, SpikeSource


def connect(**options):
    """Connect ``a`` to itself with something wrong, then simulate."""

    def action(net):
        options_ = {"port": "delta", "weight": 1.0, "delay": 1.0, **options}
        pre, post, rule = options_.pop("pre", "a"), options_.pop("post", "a"), options_.pop("rule", snn.AllToAll())
        find = net.populations.get
        net.connect(
            find(pre, pre) if isinstance(pre, str) else pre,
            find(post, post) if isinstance(post, str) else post,
            rule,
            **options_,
        )
        snn.simulate(net, 1.0, dt=DT)

    return action


CONNECTIONS = {
    "negative delay": ("delay: is negative .*-1 ms", connect(delay=-1.0)),
    "negative among many": ("delay: is negative .*-0.3 ms", connect(delay=np.append(np.ones(99), -0.3))),
    "zero delay": (r"delay: is below one step \(0 ms\).*smallest delay is dt = 0.1 ms", connect(delay=0.0)),
    "off the grid": (
        r"delay: 0.25 ms is not a whole number of steps of 0.1 ms.*0.2 or 0.3 ms.*round_delays=True",
        connect(delay=0.25),
    ),
    "off the grid, drawn": ("not a whole number of steps", connect(delay=snn.Uniform(0.5, 2.0))),
    "rounds to nothing": ("delay: is below one step", connect(delay=0.04, round_delays=True)),
    "beyond the buffer": (
        rf"delay: is 6553.6 ms, beyond the buffer of {MAX_DELAY} steps.*shorter delay",
        connect(delay=(MAX_DELAY + 1) * DT),
    ),
    "delay NaN": ("delay: not finite .*nan", connect(delay=np.nan)),
    "delay infinite": ("delay: not finite", connect(delay=np.inf)),
    "delay shape": (r"delay: wrong shape \(7,\).*shape \(100,\)", connect(delay=np.ones(7))),
    "delay text": ("delay: not numbers", connect(delay="soon")),
    "no weight": ("weight: missing. AllToAll carries no weights", connect(weight=None)),
    "weight NaN": (r"weight: not finite \(nan at element 3\)", connect(weight=np.r_[1, 1, 1, np.nan, np.ones(96)])),
    "weight shape": (r"weight: wrong shape \(10, 10\).*shape \(100,\)", connect(weight=np.ones((10, 10)))),
    "weight text": ("weight: not numbers", connect(weight="strong")),
    "unknown port": (r"LIF of population 'a' has no port 'exc'. It has: delta, current", connect(port="exc")),
    "no ports": ("SpikeSource of population 'in' has no port 'delta'", connect(post="in")),
    "no rule": ("'all' is not a connection rule. Use", connect(rule="all")),
    "not a population": ("pre = 'x' is not a population .*what add", connect(pre="x")),
    "of another network": (
        "post = .* is not a population .or slice. of network 'net'",
        connect(post=make().populations["a"]),
    ),
    "a view of another network": ("pre = View.* is not a population", connect(pre=make().populations["a"][:3])),
    "name twice": ("projection named 'a_b' exists already. Names must be unique", connect(name="a_b")),
    "matrix shape": (r"Matrix.matrix: wrong shape \(2, 3\)", connect(rule=snn.Matrix(np.ones((2, 3))), weight=None)),
    "matrix NaN": (
        "Matrix.matrix: an entry is not finite",
        connect(rule=snn.Matrix(np.full((10, 10), np.nan)), weight=None),
    ),
}


@pytest.mark.parametrize("pattern, action", CONNECTIONS.values(), ids=CONNECTIONS)
def test_connections(pattern, action):
    refused(snn.NetworkError, pattern, action)


def add(name="c", model=None, n=3, **options):
    return lambda net: (net.add(name, LIF() if model is None else model, n, **options), snn.simulate(net, 1.0))


POPULATIONS = {
    "name twice": ("named 'a' exists already. Names must be unique", add("a")),
    "no name": ("name '' is not allowed. Use letters", add("")),
    "a path": ("name 'a/b' is not allowed", add("a/b")),
    "not text": ("name 3 is not allowed", add(3)),
    "empty": ("population 'c' has n = 0. A whole number of at least 1", add(n=0)),
    "negative": ("has n = -1", add(n=-1)),
    "fraction": ("has n = 2.5", add(n=2.5)),
    "true": ("has n = True", add(n=True)),
    "a class": ("is not a neuron model. Give an instance", add(model=7)),
    "unknown state": ("population 'c' has no state 'u' to initialise. LIF has: v, ref, i", add(init={"u": 1.0})),
    "init shape": (r"init\['v'\]: wrong shape \(2,\)", add(init={"v": [1.0, 2.0]})),
    "init NaN": (r"init\['v'\]: not finite", add(init={"v": np.nan})),
    "positions": (r"positions of 'c' have shape \(2, 2\). \(n, d\) = \(3, d\)", add(positions=np.zeros((2, 2)))),
    "source size": (
        "population 'c' has n = 3 but its spikes are of 2 neurons",
        add(model=SpikeSource(snn.Spikes([], [], 2, 1.0))),
    ),
    "empty slice": (r"Population.a: slice \[5:5:None\] is empty", lambda net: net.populations["a"][5:5]),
    "stride": ("is empty or has a stride", lambda net: net.populations["a"][0:8:2]),
    "out of range": ("is empty", lambda net: net.populations["a"][12]),
    "a list": (r"Population.a: \[1, 2\] is no range. Take a slice", lambda net: net.populations["a"][[1, 2]]),
    "empty network": ("Network.none: has no population. Add", lambda net: snn.simulate(snn.Network("none"), 1.0)),
    "huge buffer": (
        "Population.big: delays of 60000 steps.*At most .* GB",
        lambda net: (
            net.connect(
                net.populations["a"],
                net.add("big", LIF(), 20_000),
                snn.FixedTotal(2),
                port="delta",
                weight=1.0,
                delay=np.array([1.0, 6000.0]),
            ),
            snn.simulate(net, 1.0),
        ),
    ),
}


@pytest.mark.parametrize("pattern, action", POPULATIONS.values(), ids=POPULATIONS)
def test_populations(pattern, action):
    refused(snn.NetworkError, pattern, action)


MODELS = {
    "NaN": ("LIF.tau_m: is not finite .nan.. Every value must be finite", lambda: LIF(tau_m=np.nan)),
    "one NaN": ("LIF.E_L: is not finite .nan.", lambda: LIF(E_L=np.array([-70.0, np.nan]))),
    "domain": ("LIF.tau_m: is 0 ms. It must be above 0", lambda: LIF(tau_m=0.0)),
    "refractory": ("LIF.t_ref: is -1 ms. It must be at least 0", lambda: LIF(t_ref=np.array([1.0, -1.0]))),
    "two dimensions": (
        r"LIF.V_th: has shape \(2, 2\). A scalar or one value per neuron",
        lambda: LIF(V_th=np.ones((2, 2))),
    ),
    "text": ("LIF.V_th: not a number .'high'.", lambda: LIF(V_th="high")),
    "threshold": ("LIF.V_reset: is not below V_th", lambda: LIF(V_reset=-50.0)),
    "too many": (
        "LIF.tau_m: has 2 values for 10 neurons. Give one number",
        lambda: snn.Network().add("a", LIF(tau_m=np.array([10.0, 20.0])), 10),
    ),
}


@pytest.mark.parametrize("pattern, action", MODELS.values(), ids=MODELS)
def test_models(pattern, action):
    refused(snn.ModelError, pattern, lambda net: action())


def drive(source, port="current", population="a"):
    def action(net):
        net.drive(net.populations[population], source() if callable(source) else source, port=port)
        snn.simulate(net, 1.0, dt=DT)

    return action


DRIVES = {
    "port": ("population 'a' has no port 'exc'. It has: delta, current", drive(snn.CurrentInput(1.0), "exc")),
    "source": ("population 'in' has no port 'current'. It has: none", drive(snn.CurrentInput(1.0), population="in")),
    "thing": ("Network.drive: 5 is not an input. Use", drive(5)),
    "current NaN": ("CurrentInput.value: .*not finite", drive(lambda: snn.CurrentInput(np.nan))),
    "current shape": (
        "CurrentInput has 3 values per step for the 10 neurons",
        drive(snn.CurrentInput([1.0, 2.0, 3.0])),
    ),
    "course shape": ("has 3 values per step", drive(snn.CurrentInput(np.ones((4, 3)), interval=1.0))),
    "interval off the grid": (
        "CurrentInput.interval of 'a': 0.25 ms is not a whole number of steps",
        drive(snn.CurrentInput([1.0, 2.0], interval=0.25)),
    ),
    "interval below dt": (
        "CurrentInput.interval of 'a': is below one step",
        drive(snn.CurrentInput([1.0, 2.0], interval=1e-9)),
    ),
    "interval": ("CurrentInput.interval: is -1.0 ms", drive(lambda: snn.CurrentInput([1.0], interval=-1.0))),
    "interval text": ("CurrentInput.interval: is 'a' ms", drive(lambda: snn.CurrentInput([1.0], interval="a"))),
    "rate": ("PoissonInput.rate: is -1", drive(lambda: snn.PoissonInput(rate=-1.0))),
    "rates": ("PoissonInput.rate: is .*PoissonSource", drive(lambda: snn.PoissonInput(rate=[1.0, 2.0]))),
    "rate NaN": ("PoissonInput.rate: is nan", drive(lambda: snn.PoissonInput(rate=np.nan))),
    "rate text": ("PoissonInput.rate: is 'a'", drive(lambda: snn.PoissonInput(rate="a"))),
    "slice": (
        "Network.drive: a slice of 'a' was given",
        lambda net: net.drive(net.populations["a"][:3], snn.CurrentInput(1.0), port="current"),
    ),
}


@pytest.mark.parametrize("pattern, action", DRIVES.values(), ids=DRIVES)
def test_drives(pattern, action):
    refused(snn.NetworkError, pattern, action)
