"""Train methods that align sequences, and print one table of all of them beside raw frames and untrained encoders.

    python tools/benchmarks/alignment_suite.py OUT --configs configs/masa/masa_penn.py configs/casa/casa_penn.py
    python tools/benchmarks/alignment_suite.py OUT --configs ... --each     # one model for each activity as well
    python tools/benchmarks/alignment_suite.py OUT --configs configs/masa/masa_synthetic.py --ablation  # MASA's parts

Each run is that of tools/train.py, in a process of its own, and is evaluated by the config's ``test_evaluator``.
Finished runs are not repeated: start the same command again to go on. ``--jobs 2`` runs two at a time. Values are means
over the activities, then over the seeds; the rows ``raw`` and ``untrained`` are of the first config.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from mmsync.apis.cli import KeyValue, run_tool
from mmsync.config import check, load
from mmsync.fileio import write_text
from mmsync.registry import DATASETS, RUNNERS

ROOT = Path(__file__).resolve().parents[2]
SHOWN = {
    "phases/mean_10": "10 %", "phases/mean_50": "50 %", "phases/mean": "100 %", "progress/mean": "progress",
    "tau/mean": "tau", "frame_retrieval/mean": "AP@15", "collapse/std": "std",
}  # fmt: skip
DIGITS = {"progress/mean": 4, "tau/mean": 4, "collapse/std": 4}
ABLATION: dict[str, dict[str, str]] = {  # table 4 of MASA
    "all parts": {},
    "without self-attention": {"model.context.layers": "[cross,cross]"},
    "without cross-attention": {"model.context.layers": "[self,self]"},
    "without stop-gradient": {"model.loss.stop_gradient": "False"},
    "without dual augmentation": {"first": "[]"},
    "with trimming": {"trim": "0.5"},
    "without predictor": {"model.predictor": "False"},
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the runs and of the table")
    parser.add_argument("--configs", nargs="+", required=True, help="configs of methods on the same data")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--each", action="store_true", help="also train one model for each activity")
    parser.add_argument("--ablation", action="store_true", help="train the first config without each part of MASA")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, default={}, metavar="KEY=VALUE")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def untrained(config: str, options: dict[str, Any], raw: bool) -> dict[str, float]:
    """Results of the frames as they are, or of the encoder before training."""
    cfg = load(config, options)
    if raw:
        width = cfg.model.encoder.backbone.in_channels
        encoder = dict(type="Encoder", backbone=dict(type="RawFrames", in_channels=width), pool=dict(type="FramePool"))
        cfg.model = dict(type="TCN", encoder=encoder, positives="views", data_preprocessor=cfg.model.data_preprocessor)
        cfg.model["data_preprocessor"]["views"] = dict(first=[], second=[])
    cfg.work_dir = str(Path(options["work_dir"]))
    cfg.overwrite = True
    check(cfg, files=True)
    return RUNNERS.get("MotionRunner").from_cfg(cfg).test()


def train(out: Path, config: str, seed: int, variant: str, more: dict[str, str], options: dict) -> dict[str, float]:
    """Results of a run, which is trained and evaluated unless it has been."""
    folder = out / "_".join([Path(config).stem, *variant.split(), f"seed{seed}"])
    result = folder / "result.json"
    if not result.exists():
        given = {**options, "randomness.seed": seed, **more}
        text = [f"{key}={_text(value)}" for key, value in given.items()]
        command = [sys.executable, str(ROOT / "tools/train.py"), config, "--work-dir", str(folder), "--overwrite"]
        run([*command, "--cfg-options", *text], folder.with_suffix(".log"))
        checkpoint = max(folder.glob("epoch_*.pth"), key=lambda file: int(file.stem.split("_")[1]))
        command = [sys.executable, str(ROOT / "tools/test.py"), config, str(checkpoint), "--out", str(result)]
        run([*command, "--work-dir", str(folder / "test"), "--cfg-options", *text], folder.with_suffix(".log"))
    return json.loads(result.read_text())["results"]


def _text(value: Any) -> str:
    return str(value).replace(" ", "").replace("'", "")


def run(command: list[str], log: Path) -> None:
    """Run a command, its output in a log; exit with its last lines if it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "a") as file:
        done = subprocess.run(command, stdout=file, stderr=file, env={**os.environ, "PYTHONPATH": str(ROOT)})
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed, {log} ends with:\n" + "\n".join(log.read_text().splitlines()[-15:]))


def row(name: str, runs: list[dict[str, float]]) -> str:
    """A row of the table: means over runs, and the deviation of several."""
    cells = []
    for key in SHOWN:
        values = np.array([one[key] for one in runs])
        digits = DIGITS.get(key, 1)
        more = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
        cells.append("" if np.isnan(values).any() else f"{values.mean():.{digits}f}{more}")
    return f"| {name} | {' | '.join(cells)} |"


def mean_of(parts: list[dict[str, float]]) -> dict[str, float]:
    """Mean of the results of models of one activity each."""
    return {key: float(np.mean([part[key] for part in parts])) for key in SHOWN}


def main(args: argparse.Namespace) -> None:
    floor = {**args.cfg_options, "work_dir": str(args.out / "floor")}
    lines = ["| | " + " | ".join(SHOWN.values()) + " |", "|---|" + "---|" * len(SHOWN)]
    raw, encoder = untrained(args.configs[0], floor, True), untrained(args.configs[0], floor, False)
    position = {key: raw.get(key.replace("mean", "position"), np.nan) if "mean" in key else np.nan for key in SHOWN}
    lines += [row("position only", [position]), row("raw frames", [raw]), row("untrained", [encoder])]
    variants = {"": {}}
    if args.each:
        dataset = DATASETS.build(load(args.configs[0], args.cfg_options).test_dataloader.dataset)
        names = [dataset.source.class_names[i] for i in sorted(set(dataset.labels.tolist()))]
        variants.update({name: {"activities": f"[{name}]"} for name in names})
    if args.ablation:
        variants, args.configs = ABLATION, args.configs[:1]
    jobs = [(c, s, v) for c in args.configs for v in variants for s in args.seeds]
    with ThreadPoolExecutor(args.jobs) as pool:
        runs = pool.map(lambda job: train(args.out, *job, variants[job[2]], args.cfg_options), jobs)
        found = dict(zip(jobs, runs))
    for config in args.configs:
        name = Path(config).stem.split("_")[0].upper()
        for variant in variants if args.ablation else [""]:
            lines.append(row(variant or f"{name}, one model", [found[config, s, variant] for s in args.seeds]))
        if args.each:
            parts = [mean_of([found[config, s, v] for v in variants if v]) for s in args.seeds]
            lines.append(row(f"{name}, one for each activity", parts))
    write_text(args.out / "table.md", "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    run_tool(main, parse_args())
