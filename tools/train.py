"""Train what a config describes: ``mmsync train aimclr/aimclr_stgcn_synthetic``."""

from __future__ import annotations

import argparse

from mmsync.apis.cli import add_common_arguments, build_runner, checkpoint_path, load_config, require, run_tool
from mmsync.errors import ConfigError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file, or the name of a shipped config (see mmsync list)")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="CHECKPOINT",
        help="continue from a checkpoint; without a value from the latest one of the work dir",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="remove the checkpoints and logs of a former run in the work dir"
    )
    parser.add_argument("--amp", action="store_true", help="mixed precision (bfloat16), on CUDA or the CPU")
    parser.add_argument("--no-validate", action="store_true", help="no evaluation during training")
    parser.add_argument(
        "--auto-scale-lr", action="store_true", help="scale the learning rate by the global batch / base_batch_size"
    )
    parser.add_argument("--seed", type=int, help="seed of everything random")
    add_common_arguments(parser)
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    from mmsync.engine.run_folder import require_free

    cfg = load_config(args)
    for key in ("train_dataloader", "train_cfg", "optim_wrapper"):
        require(cfg, key, "training")
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        if (cfg.default_hooks or {}).get("checkpoint") is not None:
            cfg.default_hooks.checkpoint.save_best = None  # of no validation
    if args.seed is not None:
        cfg.randomness = {**(cfg.get("randomness") or {}), "seed": args.seed}
    if args.resume:
        cfg.resume = True
        cfg.load_from = None
        if args.resume != "auto":
            cfg.load_from = checkpoint_path(args.resume)
    cfg.overwrite = args.overwrite
    require_free(cfg.work_dir, bool(cfg.resume), cfg.load_from, args.overwrite)  # before anything is built
    if args.amp:
        kind = cfg.optim_wrapper.get("type", "OptimWrapper")
        if kind not in ("OptimWrapper", "AmpOptimWrapper", "AutocastOptimWrapper"):
            raise ConfigError(f"--amp: optim_wrapper is a {kind}; it works with a plain OptimWrapper")
        if kind == "OptimWrapper":
            cfg.optim_wrapper.type = "AutocastOptimWrapper"
    if args.auto_scale_lr:
        if "base_batch_size" not in (cfg.get("auto_scale_lr") or {}):
            raise ConfigError(
                "--auto-scale-lr: set auto_scale_lr=dict(base_batch_size=N) in the config, N being the global batch "
                "that its learning rate is meant for"
            )
        cfg.auto_scale_lr.enable = True
    build_runner(cfg, args.trust_checkpoint).train()


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
