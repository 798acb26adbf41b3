"""Speed of the video layer: clips of 25 frames at random times, against OpenCV, mmcv and decord.

    python tools/benchmarks/video.py [--videos FOLDER] [--parts decoding models]

All read the same clips in turns in this process with one thread each, so that a busy machine slows all of them; medians
of CPU times are compared. Each opens the file anew for every clip, as a data set does. Without --videos, two videos are
written: 320x240 MPEG-4 and 1280x720 H.264, of ten seconds. Only mmsync finds frames by their presentation time; the
others take frame numbers, which is less work and the same frames only where rates are constant.

The part "models" is the step of the video backbones, in video_models.py.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import mmcv
import numpy as np

from mmsync.errors import DataError
from mmsync.media import USABLE, numbered_pictures, open_video, scan_video, write_video

FRAMES = 25
Reader = Callable[[Path, int, float], np.ndarray]  # file, first frame, frames per second -> (T, H, W, 3) RGB


def read_mmsync(path: Path, first: int, rate: float) -> np.ndarray:
    """By time; half a frame in, so that it is the same frame as by number."""
    with open_video(path) as video:
        return video.read((first + 0.5 + np.arange(FRAMES)) / rate)


def read_opencv(path: Path, first: int, rate: float) -> np.ndarray:
    """By number; seeking is exact for constant rates."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    capture.set(cv2.CAP_PROP_POS_FRAMES, first)
    try:
        return np.stack([cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB) for _ in range(FRAMES)])
    finally:
        capture.release()


def read_mmcv(path: Path, first: int, rate: float) -> np.ndarray:
    """OpenCV by mmcv, which chooses the number of threads itself."""
    video = mmcv.VideoReader(str(path), cache_capacity=1)
    return np.stack([cv2.cvtColor(video[first + i], cv2.COLOR_BGR2RGB) for i in range(FRAMES)])


def read_decord(path: Path, first: int, rate: float) -> np.ndarray:
    """By number."""
    import decord

    return decord.VideoReader(str(path), num_threads=1).get_batch(range(first, first + FRAMES)).asnumpy()


def contestants() -> dict[str, Reader]:
    """Those that are installed."""
    found: dict[str, Reader] = {"mmsync (PyAV)": read_mmsync, "OpenCV": read_opencv, "mmcv": read_mmcv}
    try:
        import decord  # noqa: F401

        found["decord"] = read_decord
    except (ImportError, OSError):
        print("decord is not installed and left out")
    return found


def write_examples(folder: Path) -> list[Path]:
    """A small and a large video of noise that moves, which compresses like a natural one."""
    rng, made = np.random.default_rng(0), []
    for name, size, codec in (("small.mp4", (240, 320), "mpeg4"), ("large.mp4", (720, 1280), "libx264")):
        texture = cv2.GaussianBlur(rng.integers(0, 255, (size[0], size[1] + 500, 3), np.uint8), (0, 0), 2)
        pictures = [texture[:, 2 * i : 2 * i + size[1]].copy() for i in range(250)]
        for i, picture in enumerate(pictures):
            picture[:16] = numbered_pictures([i], (16, size[1]))[0]
        options = {"preset": "veryfast"} if codec == "libx264" else {"g": "12"}
        made.append(write_video(folder / name, pictures, codec=codec, options=options))
    return made


def decoding(videos: list[Path], clips: int) -> None:
    """Clips per second of each reader on each video, and ratios to the fastest other one."""
    readers, rng = contestants(), np.random.default_rng(0)
    print(f"{clips} clips of {FRAMES} frames at random times, one thread, medians of CPU time; clips/s (mmsync is 1)")
    ratios: dict[str, list[float]] = {name: [] for name in readers}
    for path in videos:
        row = scan_video(path)
        if row["status"] not in USABLE or row["frames"] < FRAMES or row["start"] or row["is_vfr"]:
            print(f"{path.name}: left out ({row['reason'] or 'too short, late or of variable rate'})")
            continue
        seconds: dict[str, list[float]] = {name: [] for name in readers}
        for k in range(clips + 1):
            first = int(rng.integers(0, row["frames"] - FRAMES + 1))
            for name, read in readers.items():
                start = time.process_time()
                read(path, first, row["rate"])
                if k:  # the first round warms up
                    seconds[name].append(time.process_time() - start)
        rates = {name: 1 / statistics.median(spent) for name, spent in seconds.items()}
        ours = rates["mmsync (PyAV)"]
        for name, value in rates.items():
            ratios[name].append(value / ours)
        text = "  ".join(f"{name} {value:.1f} ({value / ours:.2f})" for name, value in rates.items())
        print(f"{path.name} {row['width']}x{row['height']}: {text}")
    if any(ratios.values()):
        means = "  ".join(f"{name} {statistics.geometric_mean(values):.2f}" for name, values in ratios.items())
        print(f"geometric mean of the ratios: {means}")


def models(arguments: list[str]) -> None:
    """The step of the video backbones."""
    try:
        import video_models  # in this folder
    except ModuleNotFoundError as error:
        raise DataError(f"the part models needs video_models.py beside this file: {error}") from error
    video_models.main(arguments)


def main() -> int:
    """Run the parts; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, help="folder of videos (default: two are written)")
    parser.add_argument("--clips", type=int, default=15, help="of each video")
    parser.add_argument("--parts", nargs="+", choices=("decoding", "models"), default=["decoding"])
    args, rest = parser.parse_known_args()
    if rest and "models" not in args.parts:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if "decoding" in args.parts:
        with tempfile.TemporaryDirectory() as folder:
            videos = sorted(p for p in args.videos.iterdir() if p.is_file()) if args.videos else None
            decoding(videos or write_examples(Path(folder)), args.clips)
    if "models" in args.parts:
        models(rest)
    return 0


if __name__ == "__main__":
    sys.exit(main())
