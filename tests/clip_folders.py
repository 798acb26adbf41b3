"""Small clips in the folders and lists of UCF101, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmsync.media import numbered_pictures, write_video

CLASSES = ["Archery", "Basketball"]


def write_clip(path: Path, frames: int = 40, rate: float = 25, size: tuple[int, int] = (96, 96), tint: int = 0) -> Path:
    """A clip whose pictures show their numbers; ``tint`` is added to one color."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = numbered_pictures(np.arange(frames), size)
    pictures[:, 16:, 16:, tint % 3] += 20 * np.uint8(tint)
    return write_video(path, pictures, rate)


def write_ucf101(root: Path, groups: int = 4, frames: int = 30) -> Path:
    """Two classes of two clips a group. Fold 1 tests group 1, fold 2 group 2."""
    lists = root / "ucfTrainTestlist"
    lists.mkdir(parents=True)
    (lists / "classInd.txt").write_text("".join(f"{i} {name}\n" for i, name in enumerate(CLASSES, 1)))
    clips = [
        (g, label, f"{name}/v_{name}_g{g:02d}_c{c:02d}.avi")
        for label, name in enumerate(CLASSES, 1)
        for g in range(1, groups + 1)
        for c in (1, 2)
    ]
    for _, label, path in clips:
        write_clip(root / "UCF-101" / path, frames, size=(48, 96), tint=label)
    for fold in (1, 2):
        test = [path for g, _, path in clips if g == fold]
        train = [f"{path} {label}" for g, label, path in clips if g != fold]
        (lists / f"testlist0{fold}.txt").write_text("\r\n".join(test) + "\n")
        (lists / f"trainlist0{fold}.txt").write_text("\n".join(train) + "\n")
    return root
