from mmsync.models.backbones.base import AudioBackbone, Backbone, SequenceBackbone, SkeletonBackbone, VideoBackbone
from mmsync.models.backbones.skeleton.dstformer import DSTformer
from mmsync.models.backbones.skeleton.resnet import SkeletonResNet
from mmsync.models.backbones.skeleton.skeleton_vit import SkeletonViT
from mmsync.models.backbones.skeleton.stgcn import STGCN
from mmsync.models.backbones.video.i3d import I3D
from mmsync.models.backbones.video.video_resnet import VideoResNet

__all__ = ["I3D", "STGCN", "DSTformer", "SkeletonResNet", "SkeletonViT", "VideoResNet"]
__all__ += ["AudioBackbone", "Backbone", "SequenceBackbone", "SkeletonBackbone", "VideoBackbone"]
