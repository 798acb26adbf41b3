from mmsync.datasets.sources.base import BaseSource
from mmsync.datasets.sources.clips.sources import (
    ClipFolderSource,
    ClipListSource,
    ClipSource,
    HMDB51Source,
    KineticsSource,
    SceneSource,
    UCF101Source,
)
from mmsync.datasets.sources.safe_pickle import load_pickle
from mmsync.datasets.sources.sequences.base import SequenceSource
from mmsync.datasets.sources.sequences.carl import CARLSource
from mmsync.datasets.sources.sequences.casa import CASASource
from mmsync.datasets.sources.sequences.folders import FeatureFolderSource
from mmsync.datasets.sources.sequences.frames import FrameSource
from mmsync.datasets.sources.sequences.gtcc import GTCCSource
from mmsync.datasets.sources.sequences.h2o import H2OSource
from mmsync.datasets.sources.sequences.lav import LAVSource
from mmsync.datasets.sources.sequences.penn import PennSequenceSource
from mmsync.datasets.sources.sequences.pickles import SequencePickleSource
from mmsync.datasets.sources.sequences.records import Record, RecordSource
from mmsync.datasets.sources.sequences.synthetic import SyntheticSequenceSource
from mmsync.datasets.sources.sequences.tcc import TCCSource
from mmsync.datasets.sources.skeleton.arrays import AimCLRSource, CTRGCNSource
from mmsync.datasets.sources.skeleton.base import SkeletonSource
from mmsync.datasets.sources.skeleton.jhmdb import JHMDBDDNetSource
from mmsync.datasets.sources.skeleton.msr_action3d import MSRAction3DSource
from mmsync.datasets.sources.skeleton.penn import PennActionSource
from mmsync.datasets.sources.skeleton.pyskl import PysklSource
from mmsync.datasets.sources.skeleton.sbu import SBUSource
from mmsync.datasets.sources.skeleton.store import StoreSource
from mmsync.datasets.sources.skeleton.synthetic import SyntheticSource
from mmsync.datasets.sources.skeleton.ucla import NWUCLASource
from mmsync.datasets.sources.skeleton.utd_mhad import UTDMHADSource
from mmsync.datasets.sources.sounds.sources import DCASE2013Source, ESC50Source, SoundSource
from mmsync.datasets.sources.streams.folders import StreamSource
from mmsync.datasets.sources.tracks.base import TrackSource
from mmsync.datasets.sources.tracks.skeleton import SkeletonTrackSource
from mmsync.datasets.sources.tracks.tvhid import TVHIDSource
from mmsync.datasets.sources.tracks.video import VideoTrackSource
from mmsync.store.cache import cache_root
from mmsync.store.skeletons import StoreWriter

__all__ = [
    "AimCLRSource", "BaseSource", "CARLSource", "CASASource", "CTRGCNSource", "ClipFolderSource", "ClipListSource",
    "ClipSource", "DCASE2013Source", "ESC50Source", "FeatureFolderSource", "FrameSource", "GTCCSource", "H2OSource",
    "HMDB51Source", "JHMDBDDNetSource", "KineticsSource", "LAVSource", "MSRAction3DSource", "NWUCLASource",
    "PennActionSource", "PennSequenceSource",
    "PysklSource", "Record", "RecordSource", "SBUSource", "SceneSource", "SequencePickleSource", "SequenceSource",
    "SkeletonSource", "SkeletonTrackSource", "SoundSource", "StoreSource", "StoreWriter", "StreamSource",
    "SyntheticSequenceSource", "SyntheticSource", "TCCSource", "TVHIDSource", "TrackSource", "UCF101Source",
    "UTDMHADSource", "VideoTrackSource", "cache_root", "load_pickle",
]  # fmt: skip
