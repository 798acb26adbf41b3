from mmsync.models.modules.batch_norm import BatchNorm, convert_sync_batchnorm
from mmsync.models.modules.encoder import Encoder
from mmsync.models.modules.mining import NeighborMining
from mmsync.models.modules.momentum import MomentumEncoder, cosine_momentum
from mmsync.models.modules.queue import MemoryQueue

__all__ = [
    "BatchNorm",
    "Encoder",
    "MemoryQueue",
    "MomentumEncoder",
    "NeighborMining",
    "convert_sync_batchnorm",
    "cosine_momentum",
]
