from .base import SkeletonBackbone
from .dstformer import DSTformer
from .resnet import SkeletonResNet
from .skeleton_vit import SkeletonViT
from .stgcn import STGCN

__all__ = ["STGCN", "DSTformer", "SkeletonBackbone", "SkeletonResNet", "SkeletonViT"]
