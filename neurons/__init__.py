"""The neuron catalogue: one model per file, each a text of :mod:`snn.contract`."""
from snn.neurons.adex import AdEx
from snn.neurons.alif import ALIF
from snn.neurons.clopath_adex import ClopathAdEx
from snn.neurons.coba_lif import CobaLIF
from snn.neurons.cuba_lif import CubaLIF
from snn.neurons.diehl_cook import DiehlCook
from snn.neurons.ei_pair import EIPair
from snn.neurons.homeostatic_lif import HomeostaticLIF
from snn.neurons.if_curr_exp import IFCurrExp
from snn.neurons.integrate_fire import IF
from snn.neurons.izhikevich import Izhikevich
from snn.neurons.leaky_readout import LeakyReadout
from snn.neurons.lif import LIF
from snn.neurons.poisson_source import PoissonSource
from snn.neurons.soft_lif import SoftLIF
from snn.neurons.spike_source import SpikeSource

__all__ = ["ALIF", "AdEx", "ClopathAdEx", "CobaLIF", "CubaLIF", "DiehlCook", "EIPair", "HomeostaticLIF", "IF",
           "IFCurrExp", "Izhikevich", "LIF", "LeakyReadout", "PoissonSource", "SoftLIF", "SpikeSource"]
