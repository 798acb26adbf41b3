"""Many trainings from one call: a grid of configs, overrides and seeds, or a search, and one table of what came out.

A run is a child process of ``tools/train.py`` and, with protocols, one of ``tools/benchmark.py``. Its folder is named
by the settings, so that a result can stand for nothing else. docs/design/0019-sweep.md tells the rules.
It needs Linux or macOS: children are stopped as process groups, and file locks outlive their parent.
"""

from mmsync.sweep.jobs import Job
from mmsync.sweep.pools import LocalPool, OnNode, SlurmPool, optional
from mmsync.sweep.processes import Children, RunError, locked
from mmsync.sweep.run import Sweep, table_cells
from mmsync.sweep.search import Search, parse_space
from mmsync.sweep.settings import Setting, grid, load_protocols, make_setting, parse_options

__all__ = [
    "Children",
    "Job",
    "LocalPool",
    "OnNode",
    "RunError",
    "Search",
    "Setting",
    "SlurmPool",
    "Sweep",
    "grid",
    "load_protocols",
    "locked",
    "make_setting",
    "optional",
    "parse_options",
    "parse_space",
    "table_cells",
]
