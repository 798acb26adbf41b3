"""R3D, MC3 and R(2+1)D to mmsync and back, or ResNet inflated: ``video_resnet_to_mmsync.py SRC DST [--reverse]``."""

from __future__ import annotations

from mmsync.interop.family import converter

if __name__ == "__main__":
    converter("video_resnet")
