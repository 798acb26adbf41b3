from .aimclr import AimCLR
from .barlow_twins import BarlowTwins
from .base import SelfSupervisedModel
from .byol import BYOL
from .classifier import SkeletonClassifier
from .simclr import SimCLR
from .simsiam import SimSiam
from .skeletonclr import SkeletonCLR
from .sync3d import Sync3D
from .two_view import TwoViewMethod
from .vicreg import VICReg

__all__ = [
    "BYOL",
    "AimCLR",
    "BarlowTwins",
    "SelfSupervisedModel",
    "SimCLR",
    "SimSiam",
    "SkeletonCLR",
    "SkeletonClassifier",
    "Sync3D",
    "TwoViewMethod",
    "VICReg",
]
