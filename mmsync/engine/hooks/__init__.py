from .checkpoint import CheckpointHook
from .collapse import CollapseMonitorHook
from .progress import ProgressBarHook
from .summary import RunSummaryHook

__all__ = ["CheckpointHook", "CollapseMonitorHook", "ProgressBarHook", "RunSummaryHook"]
