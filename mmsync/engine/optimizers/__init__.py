from .autocast import AutocastOptimWrapper
from .lars import LARS
from .layer_decay import LearningRateDecayOptimWrapperConstructor

__all__ = ["LARS", "AutocastOptimWrapper", "LearningRateDecayOptimWrapperConstructor"]
