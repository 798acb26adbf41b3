from .accuracy import Accuracy
from .pairs import PairProbe, PairVerification
from .probe import FeatureSet, ProbeMetric

__all__ = ["Accuracy", "FeatureSet", "PairProbe", "PairVerification", "ProbeMetric"]
