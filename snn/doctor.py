"""What ``snn doctor`` prints: versions, threads, GPU, compiled code, and known traps of this installation."""
import importlib.metadata as metadata
import os
import platform
import re
from pathlib import Path

NEEDED = ("numpy", "torch", "numba", "scipy", "h5py", "matplotlib", "tqdm", "pydantic", "spikingjelly")
OPTIONAL = ("libsonata", "torchvision", "torchaudio")


def version(name):
    """Version of an installed distribution, read from its metadata without importing it; None where it is missing."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def pinned_torch(name):
    """The torch version that distribution ``name`` was built for (``"2.13.0"``), or None where it does not say."""
    for line in metadata.requires(name) or []:
        pin = re.match(r"torch\s*\(?==\s*([0-9.]+)", line)
        if pin:
            return pin.group(1)
    return None


def torch_mismatches(*, version=version, pinned=pinned_torch):
    """Sentences about torchvision and torchaudio builds that cannot be imported beside the installed torch.

    Their compiled parts fit one build of torch only, and spikingjelly pulls them in. Nothing is imported: a mismatched
    build may end the process. ``version`` and ``pinned`` look names up and are arguments for tests.
    """
    torch = version("torch")
    if torch is None:
        return []
    release, _, build = torch.partition("+")
    found = []
    for name in ("torchvision", "torchaudio"):
        other = version(name)
        if other is None:
            continue
        other_release, _, other_build = other.partition("+")
        pin = pinned(name)
        if pin and pin != release:
            found.append(f"{name} {other} was built for torch {pin}, torch is {torch}.")
        elif build != other_build:
            found.append(f"{name} {other} is a {other_build or 'default (CUDA on Linux)'} build, torch {torch} is a "
                         f"{build or 'default (CUDA on Linux)'} build.")
    return found


ADVICE = ("snn never imports torchvision, torchaudio or spikingjelly.datasets, so nothing needs to be done. To import "
          "them yourself, install the builds that belong to this torch from the same wheel index as torch "
          "(pytorch.org, Get Started).")


def threads():
    """Number of CPU threads this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def gpu():
    """The CUDA devices torch sees, or the reason why there is none."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return f"unknown, torch cannot be imported ({error})"
    if torch.version.cuda is None:
        return "none (this torch is a CPU build)"
    if not torch.cuda.is_available():
        return f"none (torch is built for CUDA {torch.version.cuda}, but sees no device)"
    return ", ".join(torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count()))


def cache():
    """Folder of the compiled code, number of files and size."""
    from snn.run.native import cache_dir
    folder = Path(cache_dir())
    sizes = [f.stat().st_size for f in folder.rglob("*") if f.is_file()] if folder.is_dir() else []
    return f"{folder} ({len(sizes)} files, {sum(sizes) / 1e6:.1f} MB)"


def report():
    """``(lines, problems)``: aligned lines of facts, and sentences about what is wrong or odd."""
    import snn
    facts = [("snn", f"{snn.__version__}  ({Path(snn.__file__).parent})"),
             ("python", f"{platform.python_version()}  ({platform.platform()})")]
    facts += [(name, version(name) or "MISSING") for name in NEEDED]
    facts += [(name, version(name) or "not installed") for name in OPTIONAL]
    facts += [("CPU threads", str(threads())), ("GPU", gpu()), ("compiled code", cache())]
    problems = [f"{name} is missing. Install snn again with the command of the README." for name in NEEDED
                if version(name) is None]
    mismatches = torch_mismatches()
    problems += [*mismatches, ADVICE] if mismatches else []
    width = max(len(name) for name, _ in facts)
    return [f"{name:<{width}}  {value}" for name, value in facts], problems
