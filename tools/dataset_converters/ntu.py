"""Make mmsync's store of the raw .skeleton files of NTU RGB+D 60 or 120.

    mmsync ntu nturgb+d_skeletons data/ntu60 --workers 8

RAW_DIR is searched with all folders in it. Clips without usable skeletons, as published, are left out; files that
cannot be used are left out, counted and named in OUT/report.json. Repeat the same command to resume a stopped
conversion; until it is finished, it keeps its parts in a hidden folder beside OUT, which needs as much space as the
store (about 2 GB for NTU60, 4 GB for NTU120).
"""

from __future__ import annotations

import sys

from mmsync.converters.command import converter_parser, run_converter
from mmsync.converters.ntu import DATASETS_OF_NTU


def main() -> int:
    """Convert; returns the exit code."""
    parser = converter_parser(
        __doc__, "the store to make; the configs expect data/ntu60 or data/ntu120", bad="files",
        raw="folder of the raw files",
    )  # fmt: skip
    parser.add_argument("--dataset", choices=("auto", *DATASETS_OF_NTU), default="auto", help="default: %(default)s")
    parser.add_argument(
        "--missing-list", dest="missing",
        help="a list of clips to leave out instead of the published one; 'none' to leave out none",
    )  # fmt: skip
    args = parser.parse_args()
    from mmsync.converters.ntu_folder import convert_ntu

    return run_converter(convert_ntu, vars(args))


if __name__ == "__main__":
    sys.exit(main())
