"""I3D to mmsync and back, or GoogLeNet inflated: ``i3d_to_mmsync.py SRC DST [--reverse]``."""

from __future__ import annotations

from mmsync.interop.family import converter

if __name__ == "__main__":
    converter("i3d")
