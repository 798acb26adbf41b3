"""R3D, MC3 and R(2+1)D to mmsync and back, or ResNet inflated: ``video_resnet_to_mmsync.py SRC DST [--reverse]``."""

from __future__ import annotations

from mmsync.interop.video import video_converter

if __name__ == "__main__":
    video_converter("video_resnet")
