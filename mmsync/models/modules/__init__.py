from mmsync.models.modules.batch_norm import BatchNorm, convert_sync_batchnorm
from mmsync.models.modules.encoder import Encoder
from mmsync.models.modules.mining import NeighborMining
from mmsync.models.modules.momentum import MemoryQueue, MomentumEncoder, cosine_momentum

__all__ = [
    "BatchNorm",
    "Encoder",
    "MemoryQueue",
    "MomentumEncoder",
    "NeighborMining",
    "convert_sync_batchnorm",
    "cosine_momentum",
]
