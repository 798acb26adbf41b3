from .probe import FeatureSet, ProbeMetric

__all__ = ["FeatureSet", "ProbeMetric"]
