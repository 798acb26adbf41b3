"""Speed and memory of the loader of pictures with sound, against a plain loop with PyAV in the same run.

    python tools/benchmarks/av_loader.py [--videos FOLDER] [--clips 300] [--long 3000]

FOLDER is as for ClipFolderSource; without it, 12 videos of 320x240 (MPEG-4 and AAC) of ten seconds are written. Both
read the same windows of one second, 25 pictures of 112 pixels and 16,000 samples, in turns in one process, so that a
busy machine slows both. The plain loop opens the file, seeks to the key frame before the window, decodes, scales and
resamples by FFmpeg. mmsync opens the file anew too, but has the sound from its cache, whose making is shown apart.

Then the share of decoding, of the transforms and of waiting in a step of training (0 workers), and the memory of a
process that reads many clips.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from mmsync.apis.cli import run_tool
from mmsync.config import load
from mmsync.datasets import AudioVisualDataset
from mmsync.datasets.sources.clips.sources import ClipFolderSource
from mmsync.media import numbered_pictures, write_video
from mmsync.registry import MODELS

SIZE, FRAMES, RATE = 112, 25, 16000
CONFIG = Path(__file__).parents[2] / "configs" / "avts" / "avts_mc3_synthetic.py"


def write_examples(folder: Path, count: int = 12, seconds: int = 10) -> None:
    """Textures that move, with noise as sound."""
    import cv2

    rng = np.random.default_rng(0)
    (folder / "a").mkdir()
    for i in range(count):
        texture = cv2.GaussianBlur(rng.integers(0, 255, (240, 820, 3), np.uint8), (0, 0), 2)
        pictures = [texture[:, 2 * k : 2 * k + 320].copy() for k in range(25 * seconds)]
        for k, picture in enumerate(pictures):
            picture[:16] = numbered_pictures([k], (16, 320))[0]
        sound = rng.normal(0, 0.1, RATE * seconds).clip(-1, 1).astype(np.float32)
        write_video(folder / "a" / f"v{i:02d}.mp4", pictures, options={"g": "12"}, sound=sound)


def plain(path: Path, start: float) -> tuple[np.ndarray, np.ndarray]:
    """A second of pictures and of sound as most loaders read them."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        container.seek(int(start / stream.time_base), stream=stream)
        pictures: list[np.ndarray] = []
        for frame in container.decode(stream):
            if frame.time is not None and frame.time >= start - 0.02:
                height, width = SIZE, round(SIZE * frame.width / frame.height)
                picture = frame.reformat(width, height, format="rgb24").to_ndarray()
                left = (width - SIZE) // 2
                pictures.append(picture[:, left : left + SIZE])
                if len(pictures) == FRAMES:
                    break
        audio = container.streams.audio[0]
        container.seek(int(start / audio.time_base), stream=audio)
        resampler, blocks, count = av.AudioResampler("s16", "mono", RATE), [], 0
        for frame in container.decode(audio):
            for block in resampler.resample(frame):
                blocks.append(block.to_ndarray())
                count += blocks[-1].shape[1]
            if count >= 1.2 * RATE:
                break
    return np.stack(pictures), np.concatenate(blocks, 1)[:, :RATE]


def speed(data: AudioVisualDataset, clips: int) -> None:
    """Clips a second of one core, of both, and their ratio."""
    spent: dict[str, list[float]] = {"mmsync": [], "plain PyAV": []}
    for i in range(clips + 2):
        sample_start = time.process_time()
        sample = data[i % len(data)]
        middle = time.process_time()
        about = sample["data_samples"]
        plain(data.source.file(data.source.names.index(about.name)), float(about.start))
        if i >= 2:  # the first ones warm up
            spent["mmsync"].append(middle - sample_start)
            spent["plain PyAV"].append(time.process_time() - middle)
    rates = {name: 1 / statistics.median(times) for name, times in spent.items()}
    text = ", ".join(f"{name} {rate:.1f}" for name, rate in rates.items())
    ratio = rates["mmsync"] / rates["plain PyAV"]
    print(f"clips/s of one core, medians of CPU time over {clips} clips: {text}; ratio {ratio:.2f}")


def shares(data: AudioVisualDataset, batches: int, batch_size: int) -> None:
    """Where a step of training spends its time."""
    model = MODELS.build(load(str(CONFIG)).model)
    model.init_weights()
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    loader = iter(torch.utils.data.DataLoader(data, batch_size=batch_size, collate_fn=data.collate))
    spent = dict.fromkeys(("decode and collate (the step waits for it)", "views and front end", "step"), 0.0)
    for _ in range(batches):
        times = [time.process_time()]
        batch = next(loader)
        times.append(time.process_time())
        views = model.data_preprocessor(batch, True)
        times.append(time.process_time())
        loss, _log = model.parse_losses(model(**views, mode="loss"))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        times.append(time.process_time())
        for name, seconds in zip(spent, np.diff(times)):
            spent[name] += float(seconds)
    total = sum(spent.values())
    text = ", ".join(f"{name} {100 * seconds / total:.0f} %" for name, seconds in spent.items())
    print(f"CPU time of {batches} steps of {batch_size} clips, 0 workers, {1000 * total / batches:.0f} ms each: {text}")


def resident() -> float:
    """MiB of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def memory(data: AudioVisualDataset, clips: int) -> None:
    """Memory after each tenth of a long run."""
    found = []
    for i in range(clips):
        data[i % len(data)]
        if (i + 1) % max(1, clips // 10) == 0:
            found.append(resident())
    text = " ".join(f"{value:.0f}" for value in found)
    print(f"memory over {clips} clips, MiB after each tenth: {text}; last less second {found[-1] - found[1]:+.1f}")


def main(args: argparse.Namespace) -> None:
    """Run all parts."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as made:
        if args.videos is None:
            write_examples(Path(made))
        start = time.perf_counter()
        source = ClipFolderSource(args.videos or made)
        facts = dict(mix=dict(positive=1, easy=1), num_samples=1000, max_bad_share=1.0, test_mode=True)
        data = AudioVisualDataset(source, frames=FRAMES, fps=25, size=SIZE, rate=RATE, **facts)
        print(f"{len(source)} videos: index and cache of sound, once: {time.perf_counter() - start:.1f} s")
        speed(data, args.clips)
        shares(data, args.batches, 16)
        memory(data, args.long)


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", help="folder of folders of videos with sound")
    parser.add_argument("--clips", type=int, default=300, help="clips whose speed is compared")
    parser.add_argument("--batches", type=int, default=10, help="steps of training that are taken apart")
    parser.add_argument("--long", type=int, default=3000, help="clips of the run whose memory is measured")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


if __name__ == "__main__":
    run_tool(main, parse_args())
