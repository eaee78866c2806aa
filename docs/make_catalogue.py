"""Write the catalogue pages from fields and docstrings: ``python docs/make_catalogue.py FOLDER [--pictures]``."""
import dataclasses
import importlib
import inspect
import re
import sys
from pathlib import Path
from textwrap import dedent

PAGES = {
    "neurons": ("Neurons", "snn.neurons", None),
    "kinetics": ("Synaptic kinetics", "snn.neurons.kinetics", None),
    "plasticity": ("Synaptic rules", "snn.plasticity", None),
    "connect": ("Connection rules", "snn.connect",
                "AllToAll OneToOne Probability FixedInDegree FixedOutDegree FixedTotal DistanceDependent Gaussian "
                "ExponentialDecay Disc Edges Matrix"),
    "distributions": ("Distributions", "snn.distributions", "Uniform Normal LogNormal Exponential Choice"),
    "network": ("Networks", "snn.network", "Network Population View Projection PoissonInput CurrentInput "
                "GaussianInput ControlledInput"),
    "plastic": ("Attaching rules", "snn.plastic", "Plastic Modulator PopulationModulator"),
    "live": ("Controlled runs", "snn.run.live", "Simulation"),
    "circuits": ("Circuits", "snn.circuits", None),
    "record": ("Recording and results", "snn.record", "RecordSpikes RecordState RecordMean RecordWeights Trace Result"),
    "run": ("Engines", "snn.run", "EventDriven Clocked Reference"),
    "datasets": ("Data sets", "snn.datasets", None),
    "train": ("Training", "snn.train", None),
}
LITERAL = ("Formula", "Example", "Examples")
SECTIONS = ("What it is", "Formula", "Fields", "Parameters", "Returns", "Shapes and units", "Shapes", "Units", "Claims",
            "Errors", "Source", "Sources", "Defaults", "Example", "Examples")


def markdown(doc):
    """A docstring of this project as Markdown: sections are bold words, formulas and examples are set as written."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", inspect.cleandoc(doc)).replace("``", "`")
    out = []
    for block in filter(str.strip, re.split(r"\n\s*\n", text)):
        lines = block.splitlines()
        head = lines[0].rstrip(":")
        if len(lines) > 1 and not lines[0].startswith(" ") and all(line.startswith("    ") for line in lines[1:]):
            body = dedent("\n".join(lines[1:]))
            out.append(f"**{head}**\n\n" + (literal(body) if head in LITERAL else body))
        elif all(line.startswith("    ") for line in lines):
            out.append(f"```python\n{dedent(block)}\n```")
        else:
            out.append(re.sub(rf"^({'|'.join(SECTIONS)}): ", r"**\1:** ", block, flags=re.MULTILINE))
    return "\n\n".join(out)


def literal(body):
    return f"```text\n{body.replace('`', '').replace('  # doctest: +SKIP', '')}\n```"


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def fields_table(cls):
    """The fields of a dataclass as a table; models say unit and meaning of each."""
    fields = [f for f in dataclasses.fields(cls) if f.init] if dataclasses.is_dataclass(cls) else []
    if not any(f.metadata.get("doc") for f in fields):
        return ""
    rows = ["| field | default | unit | meaning |", "|---|---|---|---|"]
    for f in fields:
        default = "required" if f.default is dataclasses.MISSING else f"{f.default}"
        unit, doc = f.metadata.get("unit", ""), cell(f.metadata.get("doc", ""))
        rows.append(f"| `{f.name}` | {cell(default)} | {unit} | {doc} |")
    return "\n".join(rows)


def claims(cls):
    """What a neuron model claims, read from the class."""
    from snn import models
    from snn.contract import Neuron
    return f"Claims: {', '.join(models.claims(cls)) or 'none'}." if issubclass(cls, Neuron) else ""


def picture(cls, folder):
    """The response of a neuron model to a step, drawn into ``folder``; the line that shows it."""
    from responses import draw

    from snn.contract import Neuron
    if folder is None or not (inspect.isclass(cls) and issubclass(cls, Neuron)) or not cls.State._fields:
        return ""
    draw(cls, folder / f"{cls.__name__}.png")
    return f"![Response of {cls.__name__} to a step of input]({folder.name}/{cls.__name__}.png)"


def entry(cls, pictures):
    parts = [f"## {cls.__name__}", f"`{cls.__module__}.{cls.__name__}`", picture(cls, pictures),
             markdown(cls.__doc__ or "")]
    if inspect.isclass(cls):
        parts += [claims(cls), fields_table(cls)]
    return "\n\n".join(part for part in parts if part)


def page(title, module, names, pictures=None):
    home = importlib.import_module(module)
    names = names.split() if names else home.__all__
    things = [getattr(home, name) for name in names]
    intro = markdown(home.__doc__ or "")
    entries = [entry(thing, pictures) for thing in things if inspect.isclass(thing) or inspect.isfunction(thing)]
    return "\n\n".join([f"# {title}", intro, *(entries or ["Nothing here yet."])]) + "\n"


def write(folder, pictures=False):
    """Write one page per kind into ``folder``; returns their paths. ``pictures``: of every neuron model too."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "responses" if pictures else None
    if pictures:
        place.mkdir(exist_ok=True)
    written = []
    for name, (title, module, names) in PAGES.items():
        written.append(folder / f"{name}.md")
        written[-1].write_text(page(title, module, names, place))
    return written


if __name__ == "__main__":
    print("\n".join(map(str, write(sys.argv[1], pictures="--pictures" in sys.argv))))
