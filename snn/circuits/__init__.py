"""Ready circuits: associative memories, and networks built from catalogue parts.

Names are imported when they are first used.
"""
from importlib import import_module

_HOME = {
    name: f"snn.circuits.{module}"
    for module, names in {
        "cam": "CA3 Forget Hippocampus Recall Recording Store",
        "clustered": "ClusteredMemory WillshawMemory clique_density clique_recall clique_recall_by_use "
                     "willshaw_recall winner_probability",
        "dendrites": "SegmentBank false_match false_match_any missed_match random_patterns union_false_match",
        "digits": "DigitNet",
        "disinhibitory": "DisInhibitoryNet",
        "ei_pairs": "ExactInverse LinearInverse MicroCircuit",
        "gain_control": "GainControl",
        "homeostatic": "Constant Homeostatic HomeostaticNet LabelShift RandomTake",
        "hopfield": "HopfieldNetwork Asynchronous Synchronous overlap one_step_error mean_field_overlap critical_load "
                    "softmax_recall",
        "multitask": "MultitaskNetwork diluted_patterns noisy_examples hierarchical_overlaps hierarchical_limit "
                     "mean_field_overlaps dataset_entropy example_overlap",
        "oscillators": "order_parameter order_curve hysteresis lorentzian lorentzian_order noisy_order inertial_order",
        "whitening": "AdaptiveWhitening random_frame regular_frame whitening_gains",
    }.items()
    for name in names.split()
}

__all__ = sorted(_HOME)


# No module here has the name of one of these: importing it would put the module in the place of the name.
def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module 'snn.circuits' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__():
    return sorted({*__all__, "__doc__"})
