"""Write the synthetic world as files in a format that other code bases use.

Example: python tools/dataset_converters/make_synthetic.py nwucla data/synthetic_ucla --num-clips 500 200
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmsync.datasets.synthetic import ACTIONS, FORMATS, SyntheticSource


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("out", type=Path, help="folder to write to; made if it is not there")
    parser.add_argument("--num-clips", type=int, nargs=2, default=(1500, 500), metavar=("TRAIN", "TEST"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--layout", help="skeleton layout (default: the one that the format has)")
    parser.add_argument("--noise", type=float, default=1.0, help="scale of the sensor's faults, 0 for none")
    parser.add_argument("--actions", nargs="+", choices=ACTIONS, help="default: all that the format can hold")
    return parser.parse_args()


def main() -> None:
    """Makes the clips and writes them."""
    args = parse_args()
    target = FORMATS[args.format]
    fitting = [name for name, action in ACTIONS.items() if target.persons in (None, action.persons)]
    actions = args.actions or fitting[: target.classes]
    source = SyntheticSource(
        args.num_clips, args.seed, args.layout or target.layout, actions=actions, noise=args.noise, cache=False
    )
    args.out.mkdir(parents=True, exist_ok=True)
    for path in target.write(source, args.out):
        print(f"written: {path}")


if __name__ == "__main__":
    main()
