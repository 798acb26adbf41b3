"""A small procedural world of people who act: skeletons, video, and files as sensors and annotators leave them."""

from mmsync.worlds.actions import ACTIONS
from mmsync.worlds.activities import ACTIVITIES
from mmsync.worlds.sequences import SequenceWorld
from mmsync.worlds.world import SyntheticWorld
from mmsync.worlds.writers import FORMATS

__all__ = ["ACTIONS", "ACTIVITIES", "FORMATS", "SequenceWorld", "SyntheticWorld"]
