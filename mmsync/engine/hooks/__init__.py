from mmsync.engine.hooks.checkpoint import CheckpointHook
from mmsync.engine.hooks.collapse import CollapseMonitorHook
from mmsync.engine.hooks.curriculum import CurriculumHook
from mmsync.engine.hooks.progress import ProgressBarHook
from mmsync.engine.hooks.summary import RunSummaryHook

__all__ = ["CheckpointHook", "CollapseMonitorHook", "CurriculumHook", "ProgressBarHook", "RunSummaryHook"]
