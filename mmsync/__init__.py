"""mmsync: self-supervised learning of human motion on MMEngine; importing it loads neither torch nor mmengine."""

from mmsync.version import __version__

__all__ = ["__version__"]
