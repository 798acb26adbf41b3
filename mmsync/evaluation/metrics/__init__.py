from .accuracy import Accuracy
from .base import TableMetric
from .feature import FeatureMetric

__all__ = ["Accuracy", "FeatureMetric", "TableMetric"]
