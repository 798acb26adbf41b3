"""Make mmsync's store of PKU-MMD's labeled actions.

    mmsync pku PKU-MMD data/pku1 --phase 1 --workers 4
    mmsync pku PKU-MMD-v2 data/pku2 --phase 2

RAW_DIR is searched with all folders in it for recordings (0002-L.txt; A01N01-L.txt), label files of the same names, and
split files (cross-subject.txt; cross_subject_v2.txt; the same for views). Actions are stored whole; the preset
shortens long ones. Repeat the same command to resume a stopped conversion.
"""

from __future__ import annotations

import sys

from mmsync.converters.command import converter_parser, run_converter


def main() -> int:
    """Convert; returns the exit code."""
    parser = converter_parser(
        __doc__, "the store to make; the configs expect data/pku1 or data/pku2", bad="recordings",
        raw="folder of the raw files",
    )  # fmt: skip
    parser.add_argument("--phase", type=int, choices=(1, 2), required=True)
    parser.add_argument(
        "--cut", choices=("aimclr", "mamp"), default="aimclr",
        help="number of a recording's first frame in the labels: 1 (aimclr, the default) or 0 (mamp)",
    )  # fmt: skip
    args = parser.parse_args()
    from mmsync.converters.pku import convert_pku

    return run_converter(convert_pku, vars(args))


if __name__ == "__main__":
    sys.exit(main())
