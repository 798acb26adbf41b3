"""Writes clips of the built-in world as CSV files: python projects/csv_source/make_example.py FOLDER"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from mmsync.datasets.sources import SyntheticSource

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", type=Path)
parser.add_argument("--clips", type=int, nargs=2, default=(96, 48), help="of the training and the test split")
args = parser.parse_args()

source = SyntheticSource(num_clips=args.clips, two_person=0.0, actions=("wave", "kick", "clap"))
for split in ("train", "test"):
    for name in source.splits[split]:
        index = source.names.index(name)
        file = args.folder / split / source.class_names[source.labels[index]] / f"{name}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        clip = source.load(index)[0]  # (T, V, 3)
        np.savetxt(file, clip.reshape(len(clip), -1), "%.5f", ",")
print(f"{args.folder}: {len(source)} clips")
