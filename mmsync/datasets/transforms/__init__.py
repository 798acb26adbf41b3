from . import augment
from .formatting import PackSkeleton
from .normalize import AimCLR50, AlignView, CenterOnJoint, ParallelToX, RemapSkeleton
from .temporal import CropResize, ResizeClip, TrimEmpty, UniformSampleFrames

__all__ = [
    "AimCLR50",
    "AlignView",
    "CenterOnJoint",
    "CropResize",
    "PackSkeleton",
    "ParallelToX",
    "RemapSkeleton",
    "ResizeClip",
    "TrimEmpty",
    "UniformSampleFrames",
    "augment",
]
