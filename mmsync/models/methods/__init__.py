from .aimclr import AimCLR
from .base import SelfSupervisedModel
from .skeletonclr import SkeletonCLR

__all__ = ["AimCLR", "SelfSupervisedModel", "SkeletonCLR"]
