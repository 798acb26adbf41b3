from mmsync.models.backbones.audio.vgg import AudioVGG
from mmsync.models.backbones.audio.waveform import WaveformNet
from mmsync.models.backbones.base import AudioBackbone, Backbone, SequenceBackbone, SkeletonBackbone, VideoBackbone
from mmsync.models.backbones.sequence.carl import CARLTransformerHead
from mmsync.models.backbones.sequence.conv_context import ConvContextEmbedder
from mmsync.models.backbones.sequence.frame_mlp import FrameMLP, RawFrames
from mmsync.models.backbones.sequence.fused import FusedFrames
from mmsync.models.backbones.sequence.signal_cnn import SignalCNN
from mmsync.models.backbones.sequence.skeleton_frames import SkeletonFrames
from mmsync.models.backbones.skeleton.bigru import BiGRU
from mmsync.models.backbones.skeleton.dstformer import DSTformer
from mmsync.models.backbones.skeleton.part_transformer import PartTransformer
from mmsync.models.backbones.skeleton.resnet import SkeletonResNet
from mmsync.models.backbones.skeleton.skeleton_vit import SkeletonViT
from mmsync.models.backbones.skeleton.stgcn import STGCN
from mmsync.models.backbones.syncnet import SyncNetAudio, SyncNetLip
from mmsync.models.backbones.video.flow_vgg import FlowVGG
from mmsync.models.backbones.video.frame_vgg import FrameVGG
from mmsync.models.backbones.video.i3d import I3D
from mmsync.models.backbones.video.stem import MultisensoryStem
from mmsync.models.backbones.video.video_resnet import VideoResNet

__all__ = ["I3D", "STGCN", "AudioVGG", "BiGRU", "DSTformer", "FrameVGG", "SkeletonResNet", "SkeletonViT", "VideoResNet"]
__all__ += ["FlowVGG", "MultisensoryStem", "PartTransformer", "SignalCNN", "SyncNetAudio", "SyncNetLip", "WaveformNet"]
__all__ += ["CARLTransformerHead", "ConvContextEmbedder", "FrameMLP", "FusedFrames", "RawFrames", "SkeletonFrames"]
__all__ += ["AudioBackbone", "Backbone", "SequenceBackbone", "SkeletonBackbone", "VideoBackbone"]
