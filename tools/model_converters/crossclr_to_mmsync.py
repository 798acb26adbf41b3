"""CrosSCLR to mmsync and back: ``crossclr_to_mmsync.py SRC DST [--reverse]``."""

from __future__ import annotations

from mmsync.interop.family import converter

if __name__ == "__main__":
    converter("crossclr")
