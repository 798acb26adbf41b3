"""What a user sees while a run goes on: short lines, and a bar that they do not tear apart.

The log file keeps everything, the environment and the config dump included.
"""

from __future__ import annotations

import logging
import os
import sys

import mmengine
from tqdm import tqdm

_MMENGINE = os.path.dirname(mmengine.__file__)
_LOGGING = (os.path.dirname(logging.__file__), os.path.join(_MMENGINE, "logging"), __file__)
_NOISE = ("has no metainfo", '"FileClient" will be deprecated', "HardDiskBackend")  # MMEngine about itself


def _origin() -> str:
    """File of the code that logged, looking through MMEngine's ``print_log``."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_LOGGING):
        frame = frame.f_back
    return frame.f_code.co_filename


class ConsoleFilter(logging.Filter):
    """Lets warnings pass, and of the information what does not come from MMEngine's own files."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno > logging.INFO:
            return not any(noise in str(record.msg) for noise in _NOISE)
        return not _origin().startswith(_MMENGINE)


class ConsoleFormatter(logging.Formatter):
    """``14:03:59 message``, and the level where it is above information."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        if record.levelno > logging.INFO:
            record.message = f"{record.levelname}: {record.message}"
        return super().formatMessage(record)


class _BarStream:
    """Standard output; a line that is written while a bar is drawn goes above the bar."""

    def write(self, text: str) -> None:
        tqdm.write(text, file=sys.stdout, end="")

    def flush(self) -> None:
        sys.stdout.flush()


def tame_console(logger: logging.Logger) -> None:
    """Make the console handlers of a logger brief; its file handlers stay as they are.

    Args:
        logger: The logger of a run.
    """
    for handler in logger.handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
            handler.stream = _BarStream()  # setStream would flush the old one, which may be closed
            handler.setFormatter(ConsoleFormatter())
            handler.addFilter(ConsoleFilter())
