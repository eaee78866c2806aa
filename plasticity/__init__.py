"""The catalogue of synaptic rules: one rule per file, each a text of :mod:`snn.contract`."""
from snn.plasticity.anti_hebbian import AntiHebbianSTDP
from snn.plasticity.bcm import BCM
from snn.plasticity.clopath import Clopath, HomeostaticClopath
from snn.plasticity.covariance import Covariance
from snn.plasticity.dis_inhibitory import DisInhibitory, ThresholdDisInhibitory
from snn.plasticity.multiplicative_stdp import MultiplicativeSTDP
from snn.plasticity.nearest_stdp import NearestSTDP
from snn.plasticity.oja import Oja
from snn.plasticity.pair_stdp import PairSTDP
from snn.plasticity.power_law_stdp import PowerLawSTDP
from snn.plasticity.presynaptic_centred_stdp import PresynapticCentredSTDP
from snn.plasticity.reduced_symmetric_stdp import ReducedSymmetricSTDP
from snn.plasticity.reward_stdp import ModulatedSTDP, RewardSTDP
from snn.plasticity.sanger import Sanger
from snn.plasticity.soft_hebb import SoftHebb
from snn.plasticity.structural import StructuralPlasticity
from snn.plasticity.symmetric_stdp import SymmetricSTDP
from snn.plasticity.synaptic_scaling import SynapticScaling
from snn.plasticity.triplet_stdp import TripletSTDP
from snn.plasticity.tsodyks_markram import TsodyksMarkram
from snn.plasticity.vogels_sprekeler import VogelsSprekeler
from snn.plasticity.weight_normalisation import SubtractiveNormalisation, WeightNormalisation
from snn.plasticity.wta_stdp import WinnerTakeAllSTDP

__all__ = ["AntiHebbianSTDP", "BCM", "Clopath", "Covariance", "DisInhibitory", "HomeostaticClopath", "ModulatedSTDP",
           "MultiplicativeSTDP", "NearestSTDP", "Oja", "PairSTDP", "PowerLawSTDP", "PresynapticCentredSTDP",
           "ReducedSymmetricSTDP", "RewardSTDP", "Sanger", "SoftHebb", "StructuralPlasticity",
           "SubtractiveNormalisation", "SymmetricSTDP", "SynapticScaling", "ThresholdDisInhibitory", "TripletSTDP",
           "TsodyksMarkram", "VogelsSprekeler", "WeightNormalisation", "WinnerTakeAllSTDP"]
