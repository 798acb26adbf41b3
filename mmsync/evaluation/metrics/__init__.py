from .accuracy import Accuracy
from .base import TableEvaluator, TableMetric
from .feature import FeatureMetric

__all__ = ["Accuracy", "FeatureMetric", "TableEvaluator", "TableMetric"]
