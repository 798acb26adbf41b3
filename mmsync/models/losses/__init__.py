from mmsync.models.losses.barlow_twins import BarlowTwinsLoss
from mmsync.models.losses.contrastive import ContrastiveLoss
from mmsync.models.losses.cosine import NegativeCosineLoss
from mmsync.models.losses.cross_modal import CrossModalNCELoss
from mmsync.models.losses.info_nce import InfoNCELoss
from mmsync.models.losses.nt_xent import NTXentLoss
from mmsync.models.losses.pair_bce import PairBCELoss
from mmsync.models.losses.vicreg import VICRegLoss

__all__ = [
    "BarlowTwinsLoss",
    "ContrastiveLoss",
    "CrossModalNCELoss",
    "InfoNCELoss",
    "NTXentLoss",
    "NegativeCosineLoss",
    "PairBCELoss",
    "VICRegLoss",
]
