"""Probes and metrics on frozen features and on scores, all importable from here."""

# ruff: noqa: F403
from typing import TYPE_CHECKING

from mmsync.lazy import attach

if TYPE_CHECKING:
    from mmsync.evaluation.metrics import *
    from mmsync.evaluation.probes import *

__getattr__, __dir__ = attach(__name__, ("probes", "metrics", "functional"))
