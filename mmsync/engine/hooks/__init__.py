from .checkpoint import CheckpointHook
from .collapse import CollapseMonitorHook
from .curriculum import CurriculumHook
from .progress import ProgressBarHook
from .summary import RunSummaryHook

__all__ = ["CheckpointHook", "CollapseMonitorHook", "CurriculumHook", "ProgressBarHook", "RunSummaryHook"]
