"""Evaluate a checkpoint by the ``test_evaluator`` of a config, or of its own: ``mmsync test [CONFIG] CHECKPOINT``."""

from __future__ import annotations

import argparse
import json

from mmsync.apis.cli import (
    add_common_arguments,
    build_runner,
    checkpoint_path,
    load_config,
    output_file,
    require,
    run_tool,
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    text = "config file, or the name of a shipped config (default: the one in the checkpoint)"
    parser.add_argument("config", nargs="?", help=text)
    parser.add_argument("checkpoint", help="checkpoint file or address")
    parser.add_argument("--out", help="json file for the results")
    add_common_arguments(parser)
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    from mmengine.dist import is_main_process

    from mmsync.fileio import write_text

    if args.out:
        output_file(args.out)
    cfg = load_config(args)
    for key in ("test_dataloader", "test_cfg", "test_evaluator"):
        require(cfg, key, "testing")
    cfg.load_from, cfg.resume = checkpoint_path(args.checkpoint), False
    results = build_runner(cfg, args.trust_checkpoint).test()
    if args.out and is_main_process():
        record = {"config": args.config or args.checkpoint, "checkpoint": args.checkpoint, "results": results}
        write_text(args.out, json.dumps(record, indent=2, default=float) + "\n")


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
