"""Write the synthetic world as files in a format that other code bases use.

Example: python tools/dataset_converters/make_synthetic.py nwucla data/synthetic_ucla --num-clips 500 200
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmengine.logging import MMLogger

from mmsync.datasets.sources import SyntheticSource
from mmsync.engine.console import tame_console
from mmsync.errors import MMSyncError
from mmsync.worlds import ACTIONS, FORMATS


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("out", type=Path, help="folder to write to; made if it is missing")
    parser.add_argument(
        "--num-clips",
        type=int,
        nargs=2,
        metavar=("TRAIN", "TEST"),
        help="clips (default: 1500 500, tvhid 150 150); raw NTU has three files of each, one a camera",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--layout", help="skeleton layout (default: the one that the format has)")
    parser.add_argument("--noise", type=float, default=1.0, help="scale of the sensor's faults, 0 for none")
    parser.add_argument("--actions", nargs="+", choices=ACTIONS, help="default: all that the format can hold")
    return parser.parse_args()


# The next command, for raw files: it makes a store of them.
CONVERTERS = {
    "ntu": "ntu.py {} data/ntu60",
    "ntu120": "ntu.py {} data/ntu120 --dataset ntu120",
    "pku": "pku.py {} data/pku1 --phase 1",
    "pku2": "pku.py {} data/pku2 --phase 2",
    "tvhid": "tvhid.py {} data/tvhid",
}


def main() -> int:
    """Make the clips and write them; returns the exit code."""
    args = parse_args()
    tame_console(MMLogger.get_current_instance())
    try:
        write(args)
    except FileExistsError:
        print(f"{args.out} is a file, wanted a folder to write to")
        return 1
    except (MMSyncError, OSError) as error:
        print(error)
        return 1
    if args.format in CONVERTERS:
        print(f"next: python tools/dataset_converters/{CONVERTERS[args.format].format(args.out)}")
    return 0


def write(args: argparse.Namespace) -> None:
    """Make the clips of the arguments and write them."""
    target = FORMATS[args.format]
    fitting = [name for name, action in ACTIONS.items() if target.persons in (None, action.persons)]
    actions = args.actions or fitting[: target.classes]
    source = SyntheticSource(
        args.num_clips or target.num_clips,
        args.seed,
        args.layout or target.layout,
        actions=actions,
        noise=args.noise,
        cache=False,
    )
    args.out.mkdir(parents=True, exist_ok=True)
    for path in target.write(source, args.out):
        print(f"written: {path}")


if __name__ == "__main__":
    sys.exit(main())
