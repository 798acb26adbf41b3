from mmsync.models.losses.barlow_twins import BarlowTwinsLoss
from mmsync.models.losses.brownian_bridge import BrownianBridgeLoss
from mmsync.models.losses.casa_matching import CASAMatchingLoss
from mmsync.models.losses.contrastive import ContrastiveLoss
from mmsync.models.losses.cosine import NegativeCosineLoss
from mmsync.models.losses.cross_modal import CrossModalNCELoss
from mmsync.models.losses.cycle_consistency import CycleConsistencyLoss
from mmsync.models.losses.index_matching import IndexMatchingLoss
from mmsync.models.losses.info_nce import InfoNCELoss
from mmsync.models.losses.mixture_cycle import MixtureCycleLoss
from mmsync.models.losses.n_pairs import NPairsLoss
from mmsync.models.losses.nt_xent import NTXentLoss
from mmsync.models.losses.pair_bce import PairBCELoss
from mmsync.models.losses.sequence_contrast import SequenceContrastLoss
from mmsync.models.losses.soft_dtw import ContrastiveIDM, SoftDTWLoss
from mmsync.models.losses.transport import SinkhornPriorLoss
from mmsync.models.losses.vicreg import VICRegLoss

__all__ = [
    "BarlowTwinsLoss",
    "BrownianBridgeLoss",
    "CASAMatchingLoss",
    "ContrastiveIDM",
    "ContrastiveLoss",
    "CrossModalNCELoss",
    "CycleConsistencyLoss",
    "IndexMatchingLoss",
    "InfoNCELoss",
    "MixtureCycleLoss",
    "NPairsLoss",
    "NTXentLoss",
    "NegativeCosineLoss",
    "PairBCELoss",
    "SequenceContrastLoss",
    "SinkhornPriorLoss",
    "SoftDTWLoss",
    "VICRegLoss",
]
