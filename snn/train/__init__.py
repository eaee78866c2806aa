"""Training: neuron models as torch modules, learnable delays, losses, and the training loop.

Names are imported when they are first used. See the page `Training` of the documentation.
"""
from importlib import import_module

_HOME = {
    name: f"snn.train.{module}"
    for module, names in {
        "surrogate": "Surrogate ATan Sigmoid Triangle Rectangle SuperSpike SoftSign PiecewiseExp Erf MultiGaussian",
        "layer": "Layer Run",
        "scan": "Scan",
        "recurrent": "Recurrent RecurrentState",
        "coupled": "Coupled",
        "bounded": "Bounded",
        "rectifier": "rectified quantisation_error",
        "folded": "Folded Dropout",
        "linear": "Linear",
        "hopfield": "Hopfield HopfieldPooling HopfieldLookup retrieve hopfield_energy",
        "memory": "keep_memory",
        "plastic": "Plastic",
        "akorn": "AKOrN AKOrNBlock AKOrNRun AttentionCoupling ConvCoupling DenseCoupling FeedForward KuramotoLayer "
                 "KuramotoRun LearnedPositions NormReadout Omega PairBias Positions RotaryPositions oscillators "
                 "tangent unit",
        "delta": "DeltaActivation Accumulated Messages count_messages",
        "delay": "Delay AxonalDelay parameter_groups",
        "kernels_of_delay": "Gaussian SmoothedGradient Rounded",
        "held": "reset detach scope eager",
        "readout": "Last Max Mean SumOfSoftmax EveryStep",
        "pade": "Pade PadeLinear",
        "scores": "adjusted_rand_index foreground_ari",
        "losses": "CrossEntropy StepCrossEntropy RateLoss FirstSpikeLoss VanRossum TargetRates accuracy",
        "regularise": "SpikeCount Quantisation",
        "fitting": "fit evaluate",
        "options": "Options Every PerEpoch PerBatch",
        "history": "History",
        "logs": "TensorBoard",
        "deploy": "from_torch",
    }.items()
    for name in names.split()
}

__all__ = sorted(_HOME)


# No module here has the name of one of these: importing it would put the module in the place of the name.
def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module 'snn.train' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__():
    return sorted({*__all__, "__doc__"})
