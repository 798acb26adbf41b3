from mmsync.datasets.samplers.epoch import EpochSampler
from mmsync.datasets.samplers.group import GroupBatchSampler

__all__ = ["EpochSampler", "GroupBatchSampler"]
