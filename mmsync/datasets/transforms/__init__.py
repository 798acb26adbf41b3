from .formatting import PackSkeleton
from .missing import FillJoints
from .normalize import AlignView, CenterOnJoint, ParallelToX, RemapSkeleton, ScaleAxes, ScaleToBody
from .presets import AGCNPreset, AimCLR50, CTRGCNPreset, PreNormalize3D, PYSKLPreset
from .temporal import CropResize, ResizeClip, TrimEmpty, UniformSampleFrames

__all__ = [
    "AGCNPreset", "AimCLR50", "AlignView", "CTRGCNPreset", "CenterOnJoint", "CropResize", "FillJoints",
    "PYSKLPreset", "PackSkeleton", "ParallelToX", "PreNormalize3D", "RemapSkeleton", "ResizeClip", "ScaleAxes",
    "ScaleToBody", "TrimEmpty", "UniformSampleFrames",
]  # fmt: skip
