"""Going on with a run that was cut off: what is left of it, from its checkpoint, into the file that it was writing."""
import snn
from snn.errors import RunError


def resumed(arguments, resume):
    """Arguments of ``snn.simulate`` for what is left of a run; those given where ``resume`` is False."""
    if not resume:
        return arguments
    if not {"to", "checkpoint"} <= arguments.keys():
        raise RunError("resume: needs the file that was written and the checkpoint. Give --out and --checkpoint.")
    state = snn.load(arguments["checkpoint"])
    left = arguments["duration"] - state.time
    if not left > 0:
        raise RunError(f"resume: the run has reached {state.time:g} ms, all of its {arguments['duration']:g} ms. "
                       "Give a longer --duration.")
    return {**arguments, "duration": left, "state": state, "append": True}
