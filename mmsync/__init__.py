"""mmsync: self-supervised learning of human motion on MMEngine.

Importing the package is cheap on purpose: nothing of torch or mmengine is loaded here. Components are found through
``mmsync.registry``.
"""

from mmsync.version import __version__

__all__ = ["__version__"]
