"""Ctrl-C ends a run after the current block, and nothing that was recorded is lost."""

import os
import signal
import threading
import time
import warnings

import pytest
from processes import in_new_process

import snn

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no SIGINT to a single process on Windows")

def interrupted(threads, file):
    """In a new process: a run that is interrupted some blocks after its begin, and one that goes on from its end."""
    import snn
    from snn.neurons import PoissonSource
    from snn.run.event import EventSession

    net = snn.Network()
    net.add("a", PoissonSource(rate=20.0), 500)
    drain, blocks, asked = EventSession.drain, [], []

    def ask():
        asked.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    def counting(session, *sinks):
        blocks.append(drain(session, *sinks))
        if len(blocks) == 5:
            threading.Timer(0.05, ask).start()

    EventSession.drain = counting
    with warnings.catch_warnings(action="ignore"):
        result = snn.simulate(net, 1e8, engine=snn.EventDriven(threads=threads), record=[snn.RecordSpikes("a")],
                              to=file, progress=False)
    took, spikes = time.perf_counter() - asked[0], result.spikes["a"]
    more = snn.simulate(net, 1.0, state=result.state, progress=False)
    return (result.meta["interrupted"], len(spikes), spikes.duration, result.state.time, more.spikes["a"].start), took


@pytest.mark.parametrize("threads, file", [(1, None), (2, "run.h5")], ids=["memory", "file"])
def test_an_interrupted_run_keeps_its_results(tmp_path, threads, file):
    (flag, n, duration, time_reached, start), took = in_new_process(interrupted, threads, file, cwd=tmp_path)
    assert flag is True and took < 20.0
    assert 0 < duration < 1e8 and duration == pytest.approx(time_reached)
    assert n == pytest.approx(500 * 20.0 * duration * 1e-3, rel=0.3)
    assert start == pytest.approx(duration)
    if file:
        result = snn.open(tmp_path / file)
        assert result.meta["interrupted"] is True and len(result.spikes["a"]) == n


def test_the_handler_is_given_back():
    from snn.neurons import LIF

    before = signal.getsignal(signal.SIGINT)
    net = snn.Network()
    net.add("a", LIF(), 1)
    snn.simulate(net, 1.0, progress=False)
    assert signal.getsignal(signal.SIGINT) is before


def test_it_runs_in_another_thread():
    """Signals belong to the main thread; elsewhere a run simply cannot be interrupted."""
    from concurrent.futures import ThreadPoolExecutor

    from snn.neurons import PoissonSource

    net = snn.Network()
    net.add("a", PoissonSource(rate=100.0), 50)
    with ThreadPoolExecutor(1) as pool:
        there = pool.submit(snn.simulate, net, 20.0, progress=False).result()
    assert there.spikes["a"] == snn.simulate(net, 20.0, progress=False).spikes["a"] and len(there.spikes["a"])
