"""The neuron catalogue: one model per file, each a text of :mod:`snn.contract`."""
from snn.neurons.adaptive_gain import AdaptiveGain
from snn.neurons.adex import AdEx
from snn.neurons.alif import ALIF
from snn.neurons.alpha_coba_lif import AlphaCobaLIF
from snn.neurons.alpha_lif import AlphaLIF
from snn.neurons.astro_lif import AstrocyteLIF
from snn.neurons.astrocyte import Astrocyte
from snn.neurons.clopath_adex import ClopathAdEx
from snn.neurons.coba_lif import CobaLIF
from snn.neurons.cuba_lif import CubaLIF
from snn.neurons.dendritic_lif import DendriticLIF
from snn.neurons.dendritic_segment import DendriticSegment
from snn.neurons.diehl_cook import DiehlCook
from snn.neurons.ei_pair import EIPair
from snn.neurons.eif import EIF
from snn.neurons.euler_lif import EulerLIF
from snn.neurons.gain_modulated import GainModulated
from snn.neurons.gif import GIF
from snn.neurons.glif import GLIF
from snn.neurons.hodgkin_huxley import HodgkinHuxley
from snn.neurons.homeostatic_lif import HomeostaticLIF
from snn.neurons.if_curr_exp import IFCurrExp
from snn.neurons.integrate_fire import IF
from snn.neurons.izhikevich import Izhikevich
from snn.neurons.kuramoto import Kuramoto
from snn.neurons.kuramoto_rk4 import KuramotoRK4
from snn.neurons.leaky_readout import LeakyReadout
from snn.neurons.lif import LIF
from snn.neurons.mat2 import MAT2
from snn.neurons.parametric_lif import ParametricLIF
from snn.neurons.poisson_neuron import PoissonNeuron
from snn.neurons.poisson_source import PoissonSource
from snn.neurons.qif import QIF
from snn.neurons.resonate_fire import ResonateFire
from snn.neurons.second_order_kuramoto import SecondOrderKuramoto
from snn.neurons.sigma_delta import SigmaDelta
from snn.neurons.soft_lif import SoftLIF
from snn.neurons.spike_source import SpikeSource
from snn.neurons.stuart_landau import StuartLandau
from snn.neurons.ternary_if import TernaryIF
from snn.neurons.theta_neuron import ThetaNeuron

__all__ = ["ALIF", "AdEx", "AdaptiveGain", "AlphaCobaLIF", "AlphaLIF", "Astrocyte", "AstrocyteLIF", "ClopathAdEx",
           "CobaLIF", "CubaLIF", "DendriticLIF", "DendriticSegment", "DiehlCook", "EIF", "EIPair", "EulerLIF", "GIF",
           "GLIF", "GainModulated", "HodgkinHuxley", "HomeostaticLIF", "IF", "IFCurrExp", "Izhikevich", "Kuramoto",
           "KuramotoRK4", "LIF", "LeakyReadout", "MAT2", "ParametricLIF", "PoissonNeuron", "PoissonSource", "QIF",
           "ResonateFire", "SecondOrderKuramoto", "SigmaDelta", "SoftLIF", "SpikeSource", "StuartLandau", "TernaryIF",
           "ThetaNeuron"]
