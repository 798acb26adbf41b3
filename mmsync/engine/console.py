"""Console output of a run: short lines that do not break a progress bar. The log file keeps everything."""

from __future__ import annotations

import logging
import os
import re
import sys

import mmengine
from tqdm import tqdm

_MMENGINE = os.path.join(os.path.dirname(mmengine.__file__), "")
_PRINT_LOG = os.path.join(_MMENGINE, "logging", "")  # the origin of every record that comes through ``print_log``
_HIDDEN_WARNINGS = re.compile(
    '.*(has no metainfo|"FileClient" will be deprecated|HardDiskBackend|is skipped since its requires_grad=False)',
    re.DOTALL,
)
_HIDDEN_PRINTS = re.compile(
    r"paramwise_options -- |Adjusting parameter value of group |Loads checkpoint by |load (\S+ in )?model from: "
    r"|Using env variable `|cannot parse key |Results has been saved to |Key \[.*\] will be removed because "
    r"|The checkpoint \(.*\) is published to |\[.*\]-time per run averaged "
)
"""Information that MMEngine itself gives by ``print_log``; tests/test_engine/test_console.py compares its source."""


class ConsoleFilter(logging.Filter):
    """Shows warnings, and information unless MMEngine's own code logs it."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno > logging.INFO:
            return not _HIDDEN_WARNINGS.match(str(record.msg))
        if record.pathname.startswith(_PRINT_LOG):
            return not _HIDDEN_PRINTS.match(str(record.msg))
        return not record.pathname.startswith(_MMENGINE)


class ConsoleFormatter(logging.Formatter):
    """``14:03:59 message``, with the level of warnings and errors."""

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
    """Make the console handlers of a logger brief; its file handlers stay as they are."""
    for handler in logger.handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
            handler.stream = _BarStream()  # setStream would flush the old one, which may be closed
            handler.setFormatter(ConsoleFormatter("%(asctime)s %(message)s", "%H:%M:%S"))
            handler.addFilter(ConsoleFilter())
