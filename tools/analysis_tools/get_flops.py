"""Count the floating point operations of one clip's features, and the parameters of a config's model.

    python tools/analysis_tools/get_flops.py CONFIG [--cfg-options KEY=VALUE ...] [--shape M T V C] [--depth 2]

A multiply-add counts as two operations; fvcore, which MMAction2 uses, counts it as one. The clip is the first one of
the test clips as the model gets it, or random numbers of ``--shape``: for skeletons persons, frames, joints, channels;
for video channels, frames, height, width. Absent persons are not computed, so they do not count. Operations are those
of the networks; element-wise ones are not counted, nor is the preprocessor.
"""

from __future__ import annotations

import argparse
import contextlib
from typing import Any

from mmsync.apis.cli import KeyValue, check_with_data, run_tool
from mmsync.errors import ConfigError


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config file")
    parser.add_argument("--shape", type=int, nargs="+", help="of a view without the batch (default: a test clip's)")
    parser.add_argument("--depth", type=int, default=2, help="levels of modules to list (default: 2)")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, metavar="KEY=VALUE", help="override settings")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def first_clip(cfg: Any, model: Any) -> dict[str, Any]:
    """A batch of the first test clip, as the model's preprocessor makes it.

    Raises:
        ConfigError: The config has no data.
    """
    from mmsync.registry import DATASETS

    loader = cfg.get("test_dataloader") or cfg.get("val_dataloader") or cfg.get("train_dataloader")
    if loader is None:
        raise ConfigError(f"{cfg.filename}: has no data loader; give --shape")
    settings = {key: value for key, value in loader["dataset"].items() if key != "cache"}
    dataset = DATASETS.build(settings)
    roles = list(getattr(dataset, "roles", []))
    return model.data_preprocessor(dataset.__getitems__([roles.index("query") if "query" in roles else 0]), False)


def describe_view(name: str, view: Any) -> str:
    """Shape of a view, and how many persons are there."""
    there = "" if view.present is None else f", {int(view.present.sum())} of {view.present.shape[1]} persons present"
    return f"{name} {tuple(view.data.shape[1:])}{there}"


def count_of(flops: dict[str, int], name: str) -> int:
    """Operations of a module; of one whose ``forward`` is not called itself, those of its parts."""
    if name in flops:
        return flops[name]
    inside = [other for other in flops if other.startswith(f"{name}.")]
    return sum(flops[one] for one in inside if not any(one.startswith(f"{other}.") for other in inside))


def main(args: argparse.Namespace) -> None:
    """Print the counts."""
    import torch
    from mmengine.registry import init_default_scope
    from torch.utils.flop_counter import FlopCounterMode

    from mmsync.apis import init_model
    from mmsync.config import check, load
    from mmsync.models.modules.encoder import as_view

    if args.depth < 0 or min(args.shape or [1]) < 1:
        raise ConfigError(f"--depth {args.depth}, --shape {args.shape}: give a depth from 0, sizes from 1")
    cfg = load(args.config, args.cfg_options)
    check(cfg)
    if args.shape is None:
        check_with_data(cfg, "or give --shape, which needs no data")
    init_default_scope(cfg.default_scope)
    model = init_model(cfg)
    if args.shape:
        view = as_view(torch.randn(1, *args.shape, generator=torch.Generator().manual_seed(0)))
        batch = {"inputs": dict.fromkeys(model.views_for_features, view)}
    else:
        batch = first_clip(cfg, model)
    views = {name: view for name, view in batch["inputs"].items() if name in model.views_for_features}
    counter = FlopCounterMode(display=False)
    attention = getattr(torch.nn, "attention", None)  # by plain products, which are counted on every device
    plain = attention.sdpa_kernel(attention.SDPBackend.MATH) if attention else contextlib.nullcontext()
    with torch.no_grad(), plain, counter:
        try:
            model(batch["inputs"], batch.get("data_samples"), mode="tensor")
        except (RuntimeError, ValueError, IndexError) as error:
            if not args.shape:
                raise
            raise ConfigError(f"--shape {' '.join(map(str, args.shape))}: the model cannot take it: {error}") from error
    flops = {str(name): sum(count.values()) for name, count in counter.get_flop_counts().items()}
    print("input:", ", ".join(describe_view(*item) for item in views.items()))
    print(f"{'module':<32}{'parameters':>14}{'FLOPs':>16}")
    prefix = type(model).__name__
    for name, module in model.named_modules():
        size = sum(p.numel() for p in module.parameters())
        count = count_of(flops, f"{prefix}.{name}" if name else "Global")
        if name.count(".") < args.depth and (size or count):
            label = "  " * (name.count(".") + 1) + name.split(".")[-1] if name else prefix
            print(f"{label:<32}{size:>14,}{count:>16,}")
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    print(f"FLOPs of one clip: {flops.get('Global', 0) / 1e9:.4g} G; parameters trained: {trained / 1e6:.4g} M")


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
