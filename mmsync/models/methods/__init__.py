from mmsync.models.methods.aimclr import AimCLR
from mmsync.models.methods.base import SelfSupervisedModel, ViewModel
from mmsync.models.methods.classifier import Classifier
from mmsync.models.methods.moco import MoCo
from mmsync.models.methods.sync3d import Sync3D
from mmsync.models.methods.two_view import BYOL, BarlowTwins, SimCLR, SimSiam, TwoViewMethod, VICReg

__all__ = ["BYOL", "AimCLR", "BarlowTwins", "Classifier", "MoCo", "SimCLR", "SimSiam", "Sync3D", "VICReg"]
__all__ += ["SelfSupervisedModel", "TwoViewMethod", "ViewModel"]
