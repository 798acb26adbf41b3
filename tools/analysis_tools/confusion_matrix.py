"""Draw a confusion matrix and name the most confused classes.

    mmsync confusion_matrix FILE.npz [--out confusion.png] [--top 10]

FILE is a ``confusion.npz`` or a ``scores.npz`` of mmsync benchmark.
"""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path
from typing import Optional

import numpy as np

from mmsync.apis.cli import run_tool
from mmsync.errors import DataError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="npz file of a matrix or of scores")
    parser.add_argument("--out", help="picture (default: beside the file, .png)")
    parser.add_argument("--top", type=int, default=10, help="confused pairs to print")
    parser.add_argument("--title", default="", help="written above the picture (default: the accuracy)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def read(path: str) -> tuple[np.ndarray, Optional[list[str]]]:
    """The counts ``(K, K)`` and the class names of a file.

    Raises:
        DataError: It cannot be read, or holds neither a matrix nor scores with labels.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if "matrix" in file:
                names = [str(name) for name in file["class_names"]] if "class_names" in file else None
                return file["matrix"], names
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: no readable npz file ({error})") from error
    from mmsync.evaluation.functional import confusion_matrix, load_scores

    scores = load_scores(path)
    return confusion_matrix(scores.labels, scores.logits.argmax(axis=1), scores.logits.shape[1]), None


def main(args: argparse.Namespace) -> None:
    from mmsync.visualization import confused_pairs, draw_confusion

    matrix, names = read(args.file)
    out = args.out or str(Path(args.file).with_suffix(".png"))
    draw_confusion(matrix, out, names, args.title)
    print(f"{100 * np.trace(matrix) / max(matrix.sum(), 1):.2f} % of {matrix.sum()} clips right; most confused:")
    for pair in confused_pairs(matrix, args.top):
        true, predicted = (names[i] if names else str(i) for i in pair[:2])
        print(f"  {100 * pair.share:5.1f} %  {true} taken for {predicted} ({pair.clips} of {matrix[pair.true].sum()})")
    print(f"picture: {out}")


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
