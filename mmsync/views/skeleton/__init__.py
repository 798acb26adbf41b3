"""Views of skeletons: the data preprocessor, and batched augmentations by what they change."""

from mmsync.views.skeleton.aimclr import AimCLRExtreme, AimCLRNormal
from mmsync.views.skeleton.augmentation import AugmentSkeleton, SkeletonAugmentation
from mmsync.views.skeleton.masking import AxisMask, JointMask
from mmsync.views.skeleton.noise_blur import GaussianBlur, GaussianNoise
from mmsync.views.skeleton.preprocessor import SkeletonPreprocessor
from mmsync.views.skeleton.spatial import Mirror, RandomRotation, RandomScale, Rotate, Shear, SpatialFlip
from mmsync.views.skeleton.temporal import RandomCropResize, TemporalCrop, TemporalFlip
from mmsync.views.skeleton.view_distance import ViewDistance

__all__ = [
    "AimCLRExtreme",
    "AimCLRNormal",
    "AugmentSkeleton",
    "AxisMask",
    "GaussianBlur",
    "GaussianNoise",
    "JointMask",
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
