"""Mistakes in configs and commands, of any part."""

from __future__ import annotations

from tests.mistakes import Mistake


def train(name: str, option: str, says: str, *more: str) -> Mistake:
    """Training with an option of the command line."""
    return Mistake(name, ["tools/train.py", "{config}", *more, "--cfg-options", option], says=says)


CASES = [
    train(
        "key_misspelt",
        "model.encoder.backbone.dropuot=0.1",
        r"backbone\.dropuot: STGCN takes no 'dropuot'; did you mean 'dropout'",
    ),
    train(
        "type_misspelt",
        "model.encoder.backbone.type=STCGN",
        r"'STCGN' is not a registered backbone; did you mean 'STGCN'",
    ),
    train(
        "top_key_misspelt", "trian_cfg.max_epochs=1", r"trian_cfg: is no key of the runner .*; did you mean 'train_cfg'"
    ),
    train("layout_of_others", "model.encoder.backbone.layout=coco17", r"they must be the same"),
    train("queue_below_batch", "model.queue_size=7", r"queue_size: is 7, but train_dataloader\.batch_size is 8"),
    train(
        "batch_above_data", "train_dataloader.batch_size=17", r"batch_size is 17|batch_size=17 is larger than the 16"
    ),
    Mistake(
        "config_missing",
        ["tools/train.py", "tinny.py"],
        says=r"tinny\.py: no such config file; did you mean 'tiny\.py'",
        files={"tiny.py": ""},
    ),
    Mistake(
        "config_syntax",
        ["tools/train.py", "own.py"],
        says=r"own\.py, line 2: .*was never closed|own\.py, line 2: ",
        files={"own.py": "a = 1\nmodel = dict(\n"},
    ),
    Mistake("test_without_checkpoint", ["tools/test.py", "{config}", "epoch_9.pth"], says=r"epoch_9\.pth"),
    Mistake(
        "benchmark_unknown_protocol",
        ["tools/benchmark.py", "{checkpoint}", "--protocols", "linaer"],
        says=r"linaer.*did you mean 'linear'",
    ),
    Mistake("sweep_without_values", ["tools/sweep.py", "{config}", "--set", "lr"], says=r"--set lr"),
    Mistake(
        "browse_unknown_clip",
        ["tools/visualization/browse_dataset.py", "{config}", "--name", "nobody"],
        says=r"--name nobody: no such clip among 16",
    ),
    Mistake(
        "layout_unknown_in_code",
        code="from mmsync.structures import SkeletonLayout\nSkeletonLayout.from_config('ntu52')",
        says=r"ntu52",
    ),
]
