"""Methods and their parts: backbones, necks, heads, losses and modules, all importable from here."""

# ruff: noqa: F403
from typing import TYPE_CHECKING

from mmsync.lazy import attach

if TYPE_CHECKING:
    from mmsync.models.backbones import *
    from mmsync.models.heads import *
    from mmsync.models.losses import *
    from mmsync.models.methods import *
    from mmsync.models.modules import *
    from mmsync.models.necks import *

__getattr__, __dir__ = attach(__name__, ("backbones", "heads", "losses", "methods", "modules", "necks"))
