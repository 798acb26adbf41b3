"""Sweeps: train a grid of configs, overrides and seeds, or a search, and collect one table of results.

A run is a child process of ``tools/train.py`` and, with protocols, one of ``tools/benchmark.py``; its folder is named
by a hash of its settings, see docs/design/0019-sweep.md. Sweeps need Linux or macOS, for process groups and file locks.
"""

from mmsync.sweep.jobs import Children, locked
from mmsync.sweep.pools import LocalPool, SlurmPool
from mmsync.sweep.run import Sweep, fused_rows, stream_key, table_cells
from mmsync.sweep.search import Search, parse_space
from mmsync.sweep.settings import grid, load_protocols, make_setting, parse_options

__all__ = ["Children", "LocalPool", "Search", "SlurmPool", "Sweep", "fused_rows", "grid", "load_protocols", "locked"]
__all__ += ["make_setting", "parse_options", "parse_space", "stream_key", "table_cells"]
