from .aimclr import AimCLR
from .base import SelfSupervisedModel
from .classifier import SkeletonClassifier
from .skeletonclr import SkeletonCLR

__all__ = ["AimCLR", "SelfSupervisedModel", "SkeletonCLR", "SkeletonClassifier"]
