"""What is measured, beside whom, and the ratios that are aimed at."""
from dataclasses import dataclass, field

from benchmarks.training.problem import Shape


@dataclass(frozen=True)
class Side:
    """One way of doing a training step: a script in ``benchmarks.peers`` and an environment (None: this one).

    ``precisions`` those in which it is compared with ours; ``gradients`` False where its surrogate is another one, so
    that only spikes are compared; ``double_limit`` largest relative difference of a gradient in double precision;
    ``asked`` True where it is left out unless it is named. ``equations`` says in words what differs from ours.
    """

    name: str
    module: str
    environment: str | None = None
    variant: str = ""
    precisions: tuple = ("float64", "float32")
    gradients: bool = True
    double_limit: float = 1e-9
    asked: bool = False
    peer: bool = True
    equations: str = "equal"

    def __str__(self):
        return self.name


def _sides():
    folder = "benchmarks.peers.train_"
    yield Side("snn", folder + "snn", peer=False)
    yield Side("snn-dense", folder + "snn", variant="dense", peer=False)
    yield Side("snn-contiguous", folder + "snn", variant="contiguous", precisions=("float64",), peer=False)
    yield Side("torch", folder + "torch", peer=False)
    yield Side("torch-compiled", folder + "torch", variant="compiled", asked=True)
    yield Side("products", folder + "products", peer=False, precisions=(), equations="matrix products only")
    yield Side("spikingjelly", folder + "spikingjelly")
    yield Side("spikingjelly-channels-last", folder + "spikingjelly", variant="channels-last")
    yield Side("snntorch", folder + "snntorch", "snntorch", precisions=("float32",))
    yield Side("norse", folder + "norse", "norse", gradients=False,
               equations="same spikes, other surrogate: gradients not compared")
    yield Side("norse-lif", folder + "norse", "norse", variant="lif", precisions=(),
               equations="same shape, other equations")
    yield Side("sinabs", folder + "sinabs", "sinabs", precisions=("float32",))
    # It divides its taps by their sum plus 1e-7.
    yield Side("dcls", folder + "dcls", "dcls", double_limit=1e-6)


SIDES = {side.name: side for side in _sides()}
OURS = SIDES["snn"]

TRAINING_ENVIRONMENTS = {
    "snntorch": ("torch==2.13.0", "numpy==2.4.6", "snntorch==1.0.0"),
    "norse": ("torch==2.13.0", "numpy==2.4.6", "norse==1.1.0"),
    "sinabs": ("torch==2.13.0", "numpy==2.4.6", "sinabs==3.1.3"),
    "dcls": ("torch==2.13.0", "numpy==2.4.6", "dcls==0.1.1", "spikingjelly==2.0.0"),
}
"""Environment -> what pip installs into it. They are apart because norse and sinabs pin different versions of nir."""


@dataclass(frozen=True)
class Task:
    """A shape, the sides measured beside ours in one sitting, and the least ratio aimed at for some of them.

    ``tuned``: measured a second time with an allocator that keeps freed memory, on every side. ``single``: side ->
    which of our sides it is compared with in single precision, where that is not the first.
    """

    name: str
    shape: Shape
    sides: tuple
    goals: dict = field(default_factory=dict)
    tuned: bool = False
    single: dict = field(default_factory=dict)


DENSE = ("torch", "spikingjelly", "snntorch", "norse", "norse-lif", "sinabs", "torch-compiled")
FASTER = dict.fromkeys(("snntorch", "norse", "norse-lif", "sinabs", "torch-compiled"), 1.0)
JELLIES = ("spikingjelly", "spikingjelly-channels-last")
# A batch norm in single precision rounds otherwise in the other layout, which flips spikes near threshold.
CONTIGUOUS = dict.fromkeys(("torch", "spikingjelly"), "snn-contiguous")


def _tasks():
    for batch, goal in ((128, 3.5), (32, None), (8, None), (1, 15.0)):
        goals = {**FASTER, "spikingjelly": goal} if goal else FASTER
        yield Task(f"feedforward-{batch}", Shape("feedforward", batch, 100), DENSE, goals, tuned=batch == 128)
    for steps, goals in ((100, {"spikingjelly": 8.0}), (1000, {})):
        yield Task(f"layer-{steps}", Shape("layer", 128, steps, (256,)), ("torch", "spikingjelly"), goals, tuned=True)
    yield Task("recurrent", Shape("recurrent", 128, 100), ("torch", "spikingjelly", "snntorch"), {"spikingjelly": 1.6})
    for steps in (4, 10):
        yield Task(f"convolution-{steps}", Shape("convolution", 64, steps, (512,)),
                   ("snn-contiguous", "torch", *JELLIES), dict.fromkeys(JELLIES, 1.5), tuned=True, single=CONTIGUOUS)
    for taps, goal in ((25, 5.0), (100, 12.0)):
        yield Task(f"delay-{taps}", Shape("delay", 128, 100, (256, 256), taps), ("torch", "dcls"), {"dcls": goal})
    for taps, goal in ((25, 5.0), (100, 12.0)):
        yield Task(f"delay-gaussian-{taps}", Shape("delay", 128, 100, (256, 256), taps, sigma=0.5), ("torch", "dcls"),
                   {"dcls": goal})
    # The begin of the schedule, when the Gaussian covers all taps.
    yield Task("delay-gaussian-wide-25", Shape("delay", 128, 100, (256, 256), 25, sigma=12.27), ("torch", "dcls"))
    yield Task("delay-net-25", Shape("delay-net", 128, 100, taps=25), ("torch", "dcls"))
    yield Task("yardstick", Shape("feedforward", 128, 100), ("torch", "products"))
    for rate in (0.02, 0.1, 0.3):
        yield Task(f"sparsity-{rate:g}", Shape("feedforward", 128, 100, rate=rate), ("torch", "snn-dense"))


TASKS = {task.name: task for task in _tasks()}


def chosen_tasks(name=None):
    """The task of that name, or all whose names begin with it and a dash; all tasks for None."""
    found = [task for task in TASKS.values() if name is None or task.name == name or task.name.startswith(f"{name}-")]
    if not found:
        raise ValueError(f"training.only: no task is named {name!r}. There are: {', '.join(TASKS)}; the begin of "
                         "a name stands for all that begin so.")
    return found


def chosen_sides(task, text=None):
    """The sides of a task that are measured: ours first, then those that are no peers, then the peers chosen.

    ``text``: names of sides or environments, comma-separated; ``none`` for no peer; None for all that need no asking.
    """
    names = None if text is None else [name for name in text.split(",") if name and name != "none"]
    known = {key for side in SIDES.values() if side.peer for key in (side.name, side.environment) if key}
    for name in names or ():
        if name not in known:
            raise ValueError(f"training.peers: no peer is named {name!r}. There are: {', '.join(sorted(known))}, none.")
    sides = [SIDES[name] for name in task.sides]
    wanted = [side for side in sides if not side.peer or
              (not side.asked if names is None else side.name in names or side.environment in (names or ()))]
    return [OURS, *wanted]
