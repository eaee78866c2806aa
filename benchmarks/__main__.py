"""Command line of the benchmarks: ``python -m benchmarks PART --help``."""
import argparse
import importlib
import sys

PARTS = {
    "simulation": ("benchmarks.simulation", "networks of the field beside NEST, Brian2 and BrainPy"),
    "threads": ("benchmarks.threads", "our engine with one thread, two, and as many as it picks"),
    "handwritten": ("benchmarks.handwritten", "our kernels beside hand-written numba ones"),
    "limits": ("benchmarks.limits", "cost per synaptic event and neuron update beside the limits of the machine"),
    "updates": ("benchmarks.updates.command", "cost of a neuron update, every model beside Brian2"),
    "start": ("benchmarks.start", "import, command line and first simulation in a new process"),
    "memory": ("benchmarks.memory", "bytes per synapse and peak memory while building"),
    "plasticity": ("benchmarks.plasticity.command", "learning networks beside NEST and Brian2, and what they learn"),
    "training": ("benchmarks.training.command", "a training step beside SpikingJelly, snnTorch, Norse, Sinabs, DCLS"),
    "oscillators": ("benchmarks.oscillators.command", "order parameters, hysteresis and cost of coupled oscillators"),
    "company": ("benchmarks.company", "whitening, gain control, dendrites, astrocytes, homeostasis beside theory"),
    "akorn": ("benchmarks.akorn.command", "vector oscillators beside networks of equal size: Sudoku, objects"),
    "analyses": ("benchmarks.analyses.command", "published analyses of recordings, on networks whose truth is known"),
    "recording": ("benchmarks.recording.command", "streaming to an archive: cost, memory, rates, slices, kills"),
    "interchange": ("benchmarks.interchange.command", "every format: we write, they read, and the reverse"),
    "peers": ("benchmarks.environments", "make and list the peers' environments"),
}


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Benchmarks; no figure without equality.")
    parts = parser.add_subparsers(dest="part", required=True)
    for name, (module, summary) in PARTS.items():
        sub = parts.add_parser(name, help=summary, description=summary)
        if name in argv[:1]:                     # the others need not be imported
            importlib.import_module(module).add_arguments(sub)
    options = parser.parse_args(argv)
    try:
        return importlib.import_module(PARTS[options.part][0]).main(options)
    except (ValueError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
