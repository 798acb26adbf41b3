from .epoch import EpochSampler

__all__ = ["EpochSampler"]
