from mmsync.models.modules.alignment import CrossContext
from mmsync.models.modules.batch_norm import BatchNorm, convert_sync_batchnorm
from mmsync.models.modules.encoder import Encoder, PlainEncoder, build_encoder
from mmsync.models.modules.mining import NeighborMining
from mmsync.models.modules.momentum import MemoryQueue, MomentumEncoder, cosine_momentum
from mmsync.models.modules.token_decoder import TokenDecoder

__all__ = [
    "BatchNorm",
    "CrossContext",
    "Encoder",
    "MemoryQueue",
    "MomentumEncoder",
    "NeighborMining",
    "PlainEncoder",
    "TokenDecoder",
    "build_encoder",
    "convert_sync_batchnorm",
    "cosine_momentum",
]
