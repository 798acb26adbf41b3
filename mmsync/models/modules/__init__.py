from .batch_norm import BatchNorm, convert_sync_batchnorm
from .encoder import Encoder
from .mining import NeighborMining
from .momentum import MomentumEncoder, cosine_momentum
from .queue import MemoryQueue

__all__ = [
    "BatchNorm",
    "Encoder",
    "MemoryQueue",
    "MomentumEncoder",
    "NeighborMining",
    "convert_sync_batchnorm",
    "cosine_momentum",
]
