"""Reads a config and checks it before anything is built."""

from mmsync.config.check import check
from mmsync.config.load import load, run_name
from mmsync.config.ranges import Range

__all__ = ["Range", "check", "load", "run_name"]
