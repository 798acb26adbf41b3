from mmsync.datasets.samplers.epoch import EpochSampler

__all__ = ["EpochSampler"]
