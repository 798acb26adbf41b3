from .aimclr import AimCLR
from .barlow_twins import BarlowTwins
from .base import SelfSupervisedModel, ViewModel
from .byol import BYOL
from .classifier import Classifier
from .moco import MoCo
from .simclr import SimCLR
from .simsiam import SimSiam
from .sync3d import Sync3D
from .two_view import TwoViewMethod
from .vicreg import VICReg

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
