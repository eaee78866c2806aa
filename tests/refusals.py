"""What the tests of wrong input share: a network to spoil, and what an error of ours looks like."""

import re
from unittest import mock

import pytest

import snn
from snn.neurons import LIF, CobaLIF, SpikeSource
from snn.run import simulate


def make():
    net = snn.Network("net")
    a = net.add("a", LIF(), 10)
    b = net.add("b", CobaLIF(), 6)
    net.add("in", SpikeSource(snn.Spikes([1.0], [0], 2, 5.0)), 2)
    net.connect(a, b, snn.AllToAll(), port="exc", weight=1.0, delay=1.0)
    return net


def refused(error, pattern, action):
    """``action(net)`` raises the class before any engine begins, and the message has our form and fits the pattern."""
    begun = mock.patch.object(simulate._Run, "go", side_effect=AssertionError("something ran"))
    with begun, pytest.raises(error, match=pattern) as caught:
        action(make())
    message = str(caught.value)
    assert isinstance(caught.value, ValueError) and type(caught.value).__module__ == "snn.errors"
    where, _, rest = message.partition(": ")
    assert re.fullmatch(r"[\w.'\[\] -]+", where) and ". " in rest and message.endswith((".", "none")), message
