from mmsync.engine.optimizers.autocast import AutocastOptimWrapper
from mmsync.engine.optimizers.lars import LARS
from mmsync.engine.optimizers.layer_decay import LearningRateDecayOptimWrapperConstructor

__all__ = ["LARS", "AutocastOptimWrapper", "LearningRateDecayOptimWrapperConstructor"]
