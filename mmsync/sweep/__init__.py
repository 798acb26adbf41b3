"""Sweeps: train a grid of configs, overrides and seeds, or a search, and collect one table of results.

A run is a child process of ``tools/train.py`` and, with protocols, one of ``tools/benchmark.py``. The name of its
folder contains a hash of its settings, see docs/design/0019-sweep.md. Sweeps need Linux or macOS: children are stopped
as process groups, and file locks outlive their parent.
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
