from mmsync.models.methods.aimclr import AimCLR
from mmsync.models.methods.barlow_twins import BarlowTwins
from mmsync.models.methods.base import SelfSupervisedModel, TwoViewMethod, ViewModel
from mmsync.models.methods.byol import BYOL
from mmsync.models.methods.classifier import Classifier
from mmsync.models.methods.moco import MoCo
from mmsync.models.methods.simclr import SimCLR
from mmsync.models.methods.simsiam import SimSiam
from mmsync.models.methods.sync3d import Sync3D
from mmsync.models.methods.vicreg import VICReg

__all__ = [
    "BYOL",
    "AimCLR",
    "BarlowTwins",
    "Classifier",
    "MoCo",
    "SelfSupervisedModel",
    "SimCLR",
    "SimSiam",
    "Sync3D",
    "TwoViewMethod",
    "VICReg",
    "ViewModel",
]
