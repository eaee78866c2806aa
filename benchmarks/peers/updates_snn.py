"""This library in the update benchmark: the event-driven engine, one thread, one population without synapses.

The processor time is that of the whole call, handing over the spikes included.
"""

import time

import snn
import snn.neurons
from benchmarks.peers.protocol import private_stdout
from benchmarks.peers.updates_protocol import arrays, job, serve


def main():
    stdout, work = private_stdout(), job()
    cases = {case["name"]: case for case in work["cases"]}
    engine = snn.EventDriven(threads=1, dtype=work["precision"])

    def run(name):
        net = snn.Network(name)
        cells = net.add("cells", getattr(snn.neurons, name)(), work["n"])
        for port, values in arrays(cases[name], work["n"]).items():
            net.drive(cells, snn.CurrentInput(values), port=port)
        with snn.start(net, dt=work["dt"], seed=1, engine=engine, progress=False) as simulation:
            simulation.run(work["warm"] * work["dt"])
            start = time.process_time()
            result = simulation.run(work["steps"] * work["dt"])
            seconds = time.process_time() - start
            states = simulation.state.populations["cells"].values
        spikes = result.spikes.get("cells", ())
        return seconds, len(spikes), states

    serve(run, version=snn.__version__, stdout=stdout)


if __name__ == "__main__":
    main()
