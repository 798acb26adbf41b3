from .accuracy import Accuracy
from .probe import FeatureSet, ProbeMetric

__all__ = ["Accuracy", "FeatureSet", "ProbeMetric"]
