"""The command line ``snn``.

Every import beyond the standard library happens inside a command, so that ``snn --help`` answers at once. An error of
ours is one line on stderr and exit status 2; Ctrl-C ends with status 130.
"""
import argparse
import sys
from pathlib import Path

import snn
from snn.errors import MissingFile, RunError, SnnError

PICTURES = (".png", ".svg", ".pdf", ".jpg", ".mp4", ".gif")


def existing(path):
    """``path`` as a Path to a file that is there, else :class:`MissingFile`."""
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"FILE: is not there ({str(path)!r}). Give the path of a file.")
    return path


def free(path, *, overwrite, source=None):
    """``path`` as a Path that may be written, else :class:`RunError` (exists, or is the ``source`` that is read) or
    :class:`MissingFile` (no folder)."""
    path = Path(path)
    if source is not None and path.resolve() == Path(source).resolve():
        raise RunError(f"--out: is the file that is read ({str(path)!r}). Choose another name.")
    if path.exists() and not overwrite:
        raise RunError(f"--out: exists already ({str(path)!r}). Choose another name, or give --overwrite.")
    if not path.parent.is_dir():
        raise MissingFile(f"--out: the folder of the output is not there ({str(path.parent)!r}). Make it first.")
    return path


def demo(args):
    from snn.demo import run
    run(out=args.out, quiet=args.quiet, only=args.only)


def simulate(args):
    from snn import experiment, script
    path = existing(args.file)
    out = free(args.out, overwrite=args.overwrite or args.resume, source=path) if args.out else None
    if args.checkpoint:
        free(args.checkpoint, overwrite=True, source=path)
    options = {"duration": args.duration, "seed": args.seed, "out": out, "overwrite": args.overwrite,
               "checkpoint": args.checkpoint, "resume": args.resume}
    if path.suffix == ".py":
        result = script.run_script(path, args.rest, **options)
    elif path.suffix == ".toml":
        if args.rest:
            raise RunError(f"ARGUMENT: an experiment file takes no arguments ({' '.join(args.rest)}). "
                           "Arguments after `--` are for scripts.")
        result = experiment.run_file(path, **options)
    else:
        raise RunError(f"FILE: is neither a script nor an experiment file ({str(path)!r}). "
                       "Give a file that ends in .py or .toml.")
    if result is not None:
        print(result)
        if out:
            print(f"written: {out}")


def train(args):
    path = existing(args.file)
    if path.suffix not in (".py", ".toml"):
        raise RunError(f"FILE: is neither a script nor a training file ({str(path)!r}). "
                       "Give a file that ends in .py or .toml.")
    if args.epochs is not None and args.epochs < 1:
        raise RunError(f"--epochs: is {args.epochs}. Give a number of 1 or more.")
    from snn import train_file
    summary = train_file.run(path, out=args.out, epochs=args.epochs, seed=args.seed, resume=args.resume)
    print("\n".join(train_file.lines(summary)))
    return 130 if summary["interrupted"] else 0


def plot(args):
    path = existing(args.file)
    out = free(args.out or path.with_suffix(".png"), overwrite=args.overwrite, source=path)
    if out.suffix not in PICTURES:
        raise RunError(f"--out: ends in {out.suffix!r}. Known endings are {', '.join(PICTURES)}.")
    if not 1 <= args.dpi <= 2400:
        raise RunError(f"--dpi: is {args.dpi}. Give a number from 1 to 2400.")
    from snn.files import load_result
    if out.suffix in (".mp4", ".gif"):
        from snn.animate import animate
        animate(load_result(path), out, start=args.begin, stop=args.end, speed=args.speed, overwrite=args.overwrite)
    else:
        from snn.plot import overview
        overview(load_result(path)).savefig(out, dpi=args.dpi)
    print(f"written: {out}")


def report(args):
    path = existing(args.file)
    out = free(args.out or path.with_suffix(".html"), overwrite=args.overwrite, source=path)
    from snn import report
    from snn.files import load_result
    report.write(load_result(path), out, source=path.name, overwrite=args.overwrite)
    print(f"written: {out}")


def export(args):
    from snn import files
    path = existing(args.file)
    ending = files.WRITERS[args.to][0]
    out = Path(args.out or path.with_name(f"{path.stem}{ending or '_' + args.to}"))
    _written(files, path, out, args)


def convert(args):
    from snn import files
    path, out = existing(args.file), Path(args.out)
    if files.kind_of(path) not in files.NETWORKS:
        args.to = args.to or files.format_of(out)
        _written(files, path, out, args)
    else:
        given = {name: getattr(args, name) for name in ("dt", "seed", "duration") if getattr(args, name) is not None}
        options = {"seed": 0, **files.settings_of(path), **given}
        if "dt" not in options:
            raise RunError("--dt: is missing. A network needs its step in ms.")
        net, _ = files.load_network(path, dt=options["dt"], allow=args.allow)
        written = files.write_network(net, out, **options, allow=args.allow, overwrite=args.overwrite)
        print(f"written: {written}")


def _written(files, path, out, args):
    """Write the result in ``path`` in the format ``args.to``."""
    result = files.part_of(files.load_result(path), args.begin, args.end, dt=getattr(args, "dt", None))
    if not (result.spikes or result.traces or result.weights):
        raise RunError(f"RUN: nothing was recorded in {str(path)!r}. Record spikes, traces or weights.")
    if out.resolve() == path.resolve():
        raise RunError(f"OUT: is the file that is read ({str(out)!r}). Choose another name.")
    for written in files.write_result(result, out, args.to, overwrite=args.overwrite):
        print(f"written: {written}")
    if args.to in files.WITHOUT_WEIGHTS and result.weights:
        print(f"note: {args.to} has no place for weights; left out: {', '.join(result.weights)}", file=sys.stderr)


def info(args):
    path = existing(args.file)
    from snn.info import describe
    print("\n".join(describe(path)))


def models(args):
    from snn.models import description, table
    print("\n".join(description(args.name) if args.name else table(args.kind)))


def doctor(args):
    from snn.doctor import report
    lines, problems = report()
    print("\n".join(lines))
    for problem in problems:
        print(f"\nnote: {problem}")
    return 1 if any("MISSING" in line for line in lines) else 0


def parser():
    """The argument parser with one sub-command per job."""
    top = argparse.ArgumentParser(prog="snn", description="Simulate spiking networks and look at the results.")
    top.add_argument("--version", action="version", version=f"snn {snn.__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    p = commands.add_parser("demo", help="run the main job: two networks, spoken digits, everything exported")
    p.add_argument("--out", required=True, metavar="DIR", help="folder for the results; it is made")
    p.add_argument("--quiet", action="store_true", help="no progress")
    p.add_argument("--only", action="append", choices=("coba", "digits", "training"), metavar="PART",
                   help="one part: coba, digits or training; may be given several times (default: all)")
    p.set_defaults(run=demo)

    _simulate_parser(commands)
    _train_parser(commands)

    p = commands.add_parser("plot", help="raster, rates and traces of a result as a picture; or an animation")
    p.add_argument("file", metavar="FILE", help="an archive, or any file of results")
    p.add_argument("--out", metavar="PICTURE",
                   help="picture, or animation that ends in .mp4 or .gif (default: FILE with the ending .png)")
    p.add_argument("--dpi", type=int, default=150, help="resolution (default: %(default)s)")
    p.add_argument("--begin", type=float, metavar="MS", help="an animation begins here")
    p.add_argument("--end", type=float, metavar="MS", help="and ends here")
    p.add_argument("--speed", type=float, help="model time per time of the animation (default: it takes 12 s)")
    p.add_argument("--overwrite", action="store_true", help="replace a picture that exists")
    p.set_defaults(run=plot)

    _exchange_parsers(commands)
    p = commands.add_parser("info", help="what a file holds: archive, checkpoint, SONATA, NWB, NIR, NPZ, CSV, network")
    p.add_argument("file", metavar="FILE")
    p.set_defaults(run=info)

    p = commands.add_parser("models", help="the catalogue: neurons, oscillators, kinetics, layers, with their claims")
    p.add_argument("name", nargs="?", metavar="NAME", help="all that is said about one model")
    p.add_argument("--kind", choices=("neuron", "kinetics", "layer"), help="only those of one kind")
    p.set_defaults(run=models)

    p = commands.add_parser("doctor", help="versions, threads, GPU, compiled code, known problems")
    p.set_defaults(run=doctor)
    return top


def _exchange_parsers(commands):
    p = commands.add_parser("report", help="one self-contained HTML page about a run")
    p.add_argument("file", metavar="FILE", help="an archive, or any file of results")
    p.add_argument("--out", metavar="HTML", help="the page (default: FILE with the ending .html)")
    p.add_argument("--overwrite", action="store_true", help="replace a page that exists")
    p.set_defaults(run=report)

    p = commands.add_parser("export", help="write a result in another format")
    p.add_argument("file", metavar="RUN", help="an archive, or any file of results")
    p.add_argument("--to", required=True, choices=("sonata", "nwb", "nir", "neo", "csv", "npz"), help="the format")
    p.add_argument("--out", metavar="PATH", help="file, or folder for sonata and csv (default: beside RUN)")
    _part_arguments(p)
    p.set_defaults(run=export)

    p = commands.add_parser(
        "convert", help="from one format to another, results and networks",
        description="Results (archive, SONATA, NWB, NIR data, NPZ, CSV) are written as the ending of OUT says (.h5: "
                    "archive, .nwb, .nirdata, .npz, .pkl: Neo; a folder: SONATA). Networks (circuit_config.json, NIR, "
                    "script, experiment file) are written as NIR (.nir) or SONATA (a folder).")
    p.add_argument("file", metavar="IN")
    p.add_argument("out", metavar="OUT")
    p.add_argument("--to", choices=("archive", "sonata", "nwb", "nir", "neo", "csv", "npz"), help="format of a result")
    p.add_argument("--dt", type=float, metavar="MS",
                   help="step in ms, of a network, or of a result that does not say it")
    p.add_argument("--seed", type=int, help="seed of the connections (networks)")
    p.add_argument("--duration", type=float, metavar="MS", help="until when random inputs are drawn (SONATA networks)")
    p.add_argument("--allow", action="append", default=[], metavar="LOSS",
                   help="what may be lost, as the refusal names it; may be given several times")
    _part_arguments(p)
    p.set_defaults(run=convert)


def _part_arguments(p):
    p.add_argument("--begin", type=float, metavar="MS", help="only what comes later than this")
    p.add_argument("--end", type=float, metavar="MS", help="only what comes until then")
    p.add_argument("--overwrite", action="store_true", help="replace what exists")


def _simulate_parser(commands):
    p = commands.add_parser(
        "simulate", help="run a script or an experiment file",
        description="Without options a script runs as `python SCRIPT` would. With --duration, --seed, --out or "
                    "--checkpoint it is loaded, and the snn.Network that it leaves under the name `net` is simulated. "
                    "Arguments after `--` are handed to the script.")
    p.add_argument("file", metavar="SCRIPT-or-CONFIG", help="a .py script or a .toml experiment file")
    p.add_argument("--out", metavar="RUN.h5", help="archive to stream the result to")
    p.add_argument("--duration", type=float, metavar="MS", help="duration of the run in ms")
    p.add_argument("--seed", type=int, help="seed of the run")
    p.add_argument("--overwrite", action="store_true", help="replace an output that exists")
    p.add_argument("--checkpoint", metavar="STATE.h5", help="keep the state of the run here, about once a minute")
    p.add_argument("--resume", action="store_true",
                   help="go on from the checkpoint in the file --out, until --duration is reached")
    p.add_argument("rest", nargs="*", metavar="ARGUMENT", help=argparse.SUPPRESS)
    p.set_defaults(run=simulate)


def _train_parser(commands):
    p = commands.add_parser(
        "train", help="train what a training file or a script describes",
        description="A training file names data, layers and how they are trained. A script leaves net, data, loss and "
                    "optimiser under these names (validation, test, epochs and options where it has them).")
    p.add_argument("file", metavar="FILE", help="a .toml training file or a .py script")
    p.add_argument("--out", metavar="DIR", help="folder for log.jsonl, checkpoint.pt, best.pt and summary.json")
    p.add_argument("--epochs", type=int, metavar="N", help="epochs in all, those before a resume included")
    p.add_argument("--seed", type=int, help="seed of weights, order and augmentation (of a training file)")
    p.add_argument("--resume", action="store_true", help="go on from the checkpoint in the folder")
    p.set_defaults(run=train)


def main(argv=None):
    """Run the command line; returns the exit status."""
    args = parser().parse_args(argv)
    try:
        return args.run(args) or 0
    except SnnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1


if __name__ == "__main__":
    sys.exit(main())
