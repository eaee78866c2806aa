"""The neuron catalogue: one model per file, each a text of :mod:`snn.contract`."""
from snn.neurons.adex import AdEx
from snn.neurons.alif import ALIF
from snn.neurons.coba_lif import CobaLIF
from snn.neurons.cuba_lif import CubaLIF
from snn.neurons.integrate_fire import IF
from snn.neurons.izhikevich import Izhikevich
from snn.neurons.leaky_readout import LeakyReadout
from snn.neurons.lif import LIF
from snn.neurons.poisson_source import PoissonSource
from snn.neurons.soft_lif import SoftLIF
from snn.neurons.spike_source import SpikeSource

__all__ = ["ALIF", "AdEx", "CobaLIF", "CubaLIF", "IF", "Izhikevich", "LIF", "LeakyReadout", "PoissonSource",
           "SoftLIF", "SpikeSource"]
