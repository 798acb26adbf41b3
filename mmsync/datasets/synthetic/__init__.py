"""A small procedural world of people who act."""

from .actions import ACTIONS
from .source import SyntheticSource
from .world import SyntheticWorld
from .writers import FORMATS

__all__ = ["ACTIONS", "FORMATS", "SyntheticSource", "SyntheticWorld"]
