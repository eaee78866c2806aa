"""The catalogue of synaptic kinetics: one kind per file, each for a port of any neuron model (:func:`snn.compose`)."""
from snn.neurons.kinetics.alpha import Alpha, AlphaConductance
from snn.neurons.kinetics.delta import Delta
from snn.neurons.kinetics.dual_exponential import DualExponential, DualExponentialConductance
from snn.neurons.kinetics.exponential import Exponential, ExponentialConductance
from snn.neurons.kinetics.gap import Gap
from snn.neurons.kinetics.nmda import NMDA

__all__ = ["Alpha", "AlphaConductance", "Delta", "DualExponential", "DualExponentialConductance", "Exponential",
           "ExponentialConductance", "Gap", "NMDA"]
