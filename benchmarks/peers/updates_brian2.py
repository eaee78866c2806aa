"""Brian2's C++ standalone mode in the update benchmark, one thread: the statements of ``benchmarks.updates.text``.

All models of a job are compiled into one program, which runs the one that an environment variable names; Brian2 reports
the seconds of the last run itself. The statements are executed by ``run_regularly`` in every step, threshold and reset
are Brian2's. Selections are the C++ operator, which its language does not have, since multiplying by truth values would
be slower.
"""

import os
import shutil
import tempfile

import brian2 as b2
import numpy as np

from benchmarks.peers.protocol import private_stdout
from benchmarks.peers.updates_protocol import arrays, job, serve

CHOSEN = "BENCHMARK_MODEL"
MACROS = {
    "choose_": ("((c) ? (a) : (b))", ("c", "a", "b")),
    "smaller_": ("((a) < (b) ? (a) : (b))", ("a", "b")),
    "larger_": ("((a) > (b) ? (a) : (b))", ("a", "b")),
}


def macro(name):
    """A function of Brian2's language that is a macro in C++."""
    text, names = MACROS[name]
    types = ["boolean" if x == "c" else "any" for x in names]
    function = b2.Function(None, arg_units=[1] * len(names), return_unit=1, arg_types=types, return_type="float")
    function.implementations.add_implementation("cpp", f"#define {name}({', '.join(names)}) {text}", name=name)
    return function


class Group:
    """The population of one case."""

    def __init__(self, case, work):
        text, self.name = case["text"], case["name"]
        variables = [f"s_{k} : 1" for k in text["states"]] + [f"x_{port} : 1 (constant)" for port in case["drives"]]
        names = {name: macro(name) for name in MACROS}
        events = {k: text[k] for k in ("threshold", "reset") if text[k]}
        self.neurons = b2.NeuronGroup(work["n"], "\n".join(variables), namespace=names, **events)
        for k, value in text["states"].items():
            setattr(self.neurons, f"s_{k}", value)
        for port, values in arrays(case, work["n"]).items():
            setattr(self.neurons, f"x_{port}", values)
        self.neurons.run_regularly(text["update"])
        self.counter = b2.SpikeMonitor(self.neurons, record=False) if text["threshold"] else None
        self.network = b2.Network(self.neurons, *([self.counter] if text["threshold"] else []))
        self.states = list(text["states"])

    def plan(self, work):
        """Enter the run into the program, behind a condition."""
        b2.device.insert_code("main", f'if (std::string(getenv("{CHOSEN}")) == "{self.name}") {{')
        if self.counter is not None:
            self.counter.active = False
        self.network.run(work["warm"] * work["dt"] * b2.ms)
        if self.counter is not None:
            self.counter.active = True
        self.network.run(work["steps"] * work["dt"] * b2.ms)
        b2.device.insert_code("main", "}")

    def results(self):
        states = {k: np.array(getattr(self.neurons, f"s_{k}")) for k in self.states}
        return (0 if self.counter is None else np.sum(self.counter.count[:])), states


def main():
    stdout, work = private_stdout(), job()
    b2.prefs.core.default_float_dtype = np.dtype(work["precision"]).type
    b2.set_device("cpp_standalone", build_on_run=False)
    b2.defaultclock.dt = work["dt"] * b2.ms
    folder = tempfile.mkdtemp(prefix="benchmark_updates_")
    try:
        groups = {case["name"]: Group(case, work) for case in work["cases"]}
        for group in groups.values():
            group.plan(work)
        os.environ[CHOSEN] = ""
        b2.device.build(directory=folder, run=False, compile=True, with_output=False)

        def run(name):
            os.environ[CHOSEN] = name
            b2.device.run(directory=folder, with_output=False)
            return b2.device._last_run_time, *groups[name].results()

        serve(run, version=b2.__version__, stdout=stdout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
