"""The exceptions of mmsync.

A message says what happened, where (config path, file, sample) and what to do. The cause stays chained.
"""

from __future__ import annotations

from collections.abc import Sequence


class MMSyncError(Exception):
    """Base of every error that mmsync raises on purpose."""


class ConfigError(MMSyncError, ValueError):
    """A config cannot be built.

    Args:
        message: What is wrong; for several problems, their joint text.
        problems: The single problems, one line each, as ``config.path: what is wrong``.
    """

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class DataError(MMSyncError, ValueError):
    """A file or sample cannot be used. The message names it."""


class LayoutError(MMSyncError, ValueError):
    """Two skeleton layouts do not fit. The message names both and the remap that helps, if there is one."""


class CheckpointError(MMSyncError, RuntimeError):
    """A checkpoint is damaged, unsafe to load, or of another model."""


class ProtocolError(MMSyncError, ValueError):
    """An evaluation protocol was asked for on data that does not allow it."""


class DependencyError(MMSyncError, ImportError):
    """An optional package is missing. The message gives the pip command."""
