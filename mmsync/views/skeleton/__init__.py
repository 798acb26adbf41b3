"""Views of skeletons: the data preprocessor, and batched augmentations by what they change."""

from mmsync.views.skeleton.aimclr import AimCLRExtreme, AimCLRNormal
from mmsync.views.skeleton.augmentation import AugmentSkeleton, SkeletonAugmentation
from mmsync.views.skeleton.preprocessor import SkeletonPreprocessor
from mmsync.views.skeleton.spatial import (
    AxisMask,
    JointFreeze,
    JointMask,
    JointOffset,
    Mirror,
    RandomRotation,
    RandomScale,
    Rotate,
    Shear,
    SpatialFlip,
)
from mmsync.views.skeleton.temporal import GaussianBlur, GaussianNoise, RandomCropResize, TemporalCrop, TemporalFlip
from mmsync.views.skeleton.view_distance import ViewDistance

__all__ = [
    "AimCLRExtreme",
    "AimCLRNormal",
    "AugmentSkeleton",
    "AxisMask",
    "GaussianBlur",
    "GaussianNoise",
    "JointFreeze",
    "JointMask",
    "JointOffset",
    "Mirror",
    "RandomCropResize",
    "RandomRotation",
    "RandomScale",
    "Rotate",
    "Shear",
    "SkeletonAugmentation",
    "SkeletonPreprocessor",
    "SpatialFlip",
    "TemporalCrop",
    "TemporalFlip",
    "ViewDistance",
]
