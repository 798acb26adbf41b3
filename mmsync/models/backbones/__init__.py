from .base import SkeletonBackbone
from .dstformer import DSTformer
from .i3d import I3D
from .resnet import SkeletonResNet
from .skeleton_vit import SkeletonViT
from .stgcn import STGCN
from .video import VideoBackbone
from .video_resnet import VideoResNet

__all__ = [
    "I3D",
    "STGCN",
    "DSTformer",
    "SkeletonBackbone",
    "SkeletonResNet",
    "SkeletonViT",
    "VideoBackbone",
    "VideoResNet",
]
