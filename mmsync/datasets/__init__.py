"""Data sets: a source reads files, a `KeyedDataset` makes samples and batches of it, a sampler orders them."""

# ruff: noqa: F403
from typing import TYPE_CHECKING

from mmsync.datasets.arrow_dataset import ArrowDataset
from mmsync.datasets.audio_dataset import AudioDataset
from mmsync.datasets.audio_visual_dataset import AudioVisualDataset
from mmsync.datasets.collate import motion_collate
from mmsync.datasets.keyed import KeyedDataset
from mmsync.datasets.kinds import Kind, KindDataset
from mmsync.datasets.pair_dataset import PairDataset
from mmsync.datasets.pair_table import PairTable
from mmsync.datasets.sequence_dataset import SequenceDataset
from mmsync.datasets.skeleton_dataset import SkeletonDataset
from mmsync.datasets.stream_dataset import StreamDataset
from mmsync.datasets.video_dataset import VideoDataset
from mmsync.lazy import attach

if TYPE_CHECKING:
    from mmsync.datasets.sources import *
    from mmsync.datasets.transforms import *

__getattr__, __dir__ = attach(__name__, ("sources", "transforms"))

__all__ = [
    "ArrowDataset", "AudioDataset", "AudioVisualDataset", "KeyedDataset", "Kind", "KindDataset", "PairDataset",
    "PairTable", "SequenceDataset", "SkeletonDataset", "StreamDataset", "VideoDataset", "motion_collate",
]  # fmt: skip
