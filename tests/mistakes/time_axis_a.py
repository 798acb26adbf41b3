"""Videos with sound: what is wrong with them, and with what is asked of them."""

from __future__ import annotations

from tests.mistakes import Mistake

_MADE = """
import numpy as np
from mmsync.datasets import AudioVisualDataset
from mmsync.datasets.sources.clips.sources import ClipFolderSource
from mmsync.media import numbered_pictures, write_video
from pathlib import Path

def video(name, seconds=3.0, sound=True):
    path = Path("videos/train/a") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = np.sin(np.arange(round(seconds * 16000)) / 10).astype(np.float32)
    write_video(path, numbered_pictures(np.arange(round(25 * seconds))), sound=wave if sound is True else sound)
    return path

def data(**more):
    args = dict(mix=dict(positive=1, easy=1), split="train")
    return AudioVisualDataset(ClipFolderSource("videos"), **{**args, **more})
"""


def code(name: str, lines: str, says: str) -> Mistake:
    """Lines of Python after the helpers above."""
    return Mistake(name, code=_MADE + lines, says=says)


CASES = [
    code(
        "av_no_sound_at_all", "video('v.mp4', sound=None); data()", r"none of 1 files has sound.*v\.mp4: has no sound"
    ),
    code(
        "av_all_silent",
        "video('v.mp4', sound=np.zeros(48000, np.float32)); video('w.mp4', sound=np.zeros(48000, np.float32)); data()",
        r"2 of 2 videos are silent and are left out: train/a/v\.mp4",
    ),
    code(
        "av_wrong_rate_in_header",
        "video('v.mp4'); video('w.mp4', sound=np.sin(np.arange(17415) / 10).astype(np.float32)); data()",
        r"1 of 2 videos have sound that ends apart from the pictures.*w\.mp4",
    ),
    code("av_one_picture", "video('v.mp4', 0.04); data()", r"1 of 1 videos have both streams for less than 1 s"),
    code(
        "av_shorter_than_window", "video('v.mp4', 0.8); data()", r"for less than 1 s and are left out: train/a/v\.mp4"
    ),
    code("av_no_room_for_hard", "video('v.mp4'); data(mix=dict(positive=1, hard=1), gap=(3, None))", r"smaller gap"),
    code("av_gap_reversed", "video('v.mp4'); data(gap=(2, 1))", r"gap=\(2, 1\).*give -duration < low < high"),
    code("av_kind_misspelt", "video('v.mp4'); data(mix=dict(positive=1, hrad=1))", r"no kind 'hrad'.*'hard'"),
    code("av_overlap_too_long", "video('v.mp4'); data(overlap=1.0)", r"0 < overlap < duration"),
    code("av_three_channels", "video('v.mp4'); data(channels=3)", r"channels=3.*1 or 2 channels"),
    Mistake(
        "sync_of_skeletons",
        ["tools/sync.py", "{config}", "{checkpoint}", "v.mp4"],
        says=r"offsets need AVTS, SyncNet or GDT.*not MoCo on SkeletonDataset",
    ),
    Mistake(
        "sync_without_checkpoint",
        ["tools/sync.py", "configs/avts/avts_mc3_synthetic.py", "gone.pth", "v.mp4"],
        says=r"gone\.pth",
    ),
]
