"""Reads a config and checks it before anything is built.

``load(path, cfg_options)`` reads a file and its bases and fills in defaults and derived values. ``check(cfg)`` reports
everything that is wrong in one error. ``run_name(cfg)`` is the name of the run and of its work dir.
"""

from mmsync.config.check import check
from mmsync.config.load import load
from mmsync.config.names import run_name

__all__ = ["check", "load", "run_name"]
