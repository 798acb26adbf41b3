from mmsync.engine.hooks.alignment import AlignmentVisHook
from mmsync.engine.hooks.checkpoint import CheckpointHook
from mmsync.engine.hooks.collapse import CollapseMonitorHook
from mmsync.engine.hooks.cpu_time import CPUTimeHook
from mmsync.engine.hooks.curriculum import CurriculumHook
from mmsync.engine.hooks.mirror import MirrorIfSeenHook
from mmsync.engine.hooks.progress import ProgressBarHook
from mmsync.engine.hooks.summary import RunSummaryHook
from mmsync.engine.hooks.whitening import FitWhiteningHook

__all__ = [
    "AlignmentVisHook", "CPUTimeHook", "CheckpointHook", "CollapseMonitorHook", "CurriculumHook", "FitWhiteningHook",
    "MirrorIfSeenHook", "ProgressBarHook", "RunSummaryHook",
]  # fmt: skip
