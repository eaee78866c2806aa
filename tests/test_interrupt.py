"""Ctrl-C ends a run after the current block, and nothing that was recorded is lost."""

import os
import signal
import subprocess
import sys
import time

import pytest

import snn

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no SIGINT to a single process on Windows")

SCRIPT = """
import warnings
import snn
from snn.neurons import PoissonSource
from snn.run.event import EventSession
warnings.simplefilter("ignore")
net = snn.Network()
net.add("a", PoissonSource(rate=20.0), 500)
record = [snn.RecordSpikes("a")]
drain, blocks = EventSession.drain, []
def counting(session, *sinks):
    blocks.append(drain(session, *sinks))
    if len(blocks) == 5:
        print("ready", flush=True)
EventSession.drain = counting
engine = snn.EventDriven(threads={threads})
result = snn.simulate(net, 1e8, engine=engine, record=record, to={file!r}, progress=False)
spikes = result.spikes["a"]
print(result.meta["interrupted"], len(spikes), spikes.duration, result.state.time, flush=True)
more = snn.simulate(net, 1.0, state=result.state, progress=False)
print(more.spikes["a"].start, flush=True)
"""


def interrupted(tmp_path, root, *, threads, file):
    """Run the script, interrupt it after some blocks; gives the words it prints then and the seconds to its end."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", SCRIPT.format(threads=threads, file=file)]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            asked = time.perf_counter()
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
            return out.split(), time.perf_counter() - asked
        finally:
            process.kill()


@pytest.mark.parametrize("threads, file", [(1, None), (2, "run.h5")], ids=["memory", "file"])
def test_an_interrupted_run_keeps_its_results(tmp_path, root, threads, file):
    (flag, n, duration, time_reached, start), took = interrupted(tmp_path, root, threads=threads, file=file)
    assert flag == "True" and took < 20.0
    assert 0 < float(duration) < 1e8 and float(duration) == pytest.approx(float(time_reached))
    assert int(n) == pytest.approx(500 * 20.0 * float(duration) * 1e-3, rel=0.3)
    assert float(start) == pytest.approx(float(duration))
    if file:
        result = snn.open(tmp_path / file)
        assert result.meta["interrupted"] is True and len(result.spikes["a"]) == int(n)


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
