from mmsync.models.losses.barlow_twins import BarlowTwinsLoss
from mmsync.models.losses.brownian_bridge import BrownianBridgeLoss
from mmsync.models.losses.contrastive import ContrastiveLoss
from mmsync.models.losses.cosine import NegativeCosineLoss
from mmsync.models.losses.cross_modal import CrossModalNCELoss
from mmsync.models.losses.info_nce import InfoNCELoss
from mmsync.models.losses.mixture_cycle import MixtureCycleLoss
from mmsync.models.losses.nt_xent import NTXentLoss
from mmsync.models.losses.pair_bce import PairBCELoss
from mmsync.models.losses.soft_dtw import ContrastiveIDM, SoftDTWLoss
from mmsync.models.losses.transport import SinkhornPriorLoss
from mmsync.models.losses.vicreg import VICRegLoss

__all__ = [
    "BarlowTwinsLoss",
    "BrownianBridgeLoss",
    "ContrastiveIDM",
    "ContrastiveLoss",
    "CrossModalNCELoss",
    "InfoNCELoss",
    "MixtureCycleLoss",
    "NTXentLoss",
    "NegativeCosineLoss",
    "PairBCELoss",
    "SinkhornPriorLoss",
    "SoftDTWLoss",
    "VICRegLoss",
]
