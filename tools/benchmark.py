"""Evaluate a checkpoint by several protocols: ``python tools/benchmark.py CHECKPOINT --protocols linear knn semi10``.

Encoder, stream and data are those of the pretraining, whose config is in the checkpoint (or is given by ``--config``).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmengine.config import DictAction

from mmsync.apis.cli import checkpoint_path, run_tool

PROTOCOLS = Path(__file__).resolve().parents[1] / "configs" / "benchmarks"


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", nargs="?", help="checkpoint file of a pretraining")
    parser.add_argument("--protocols", nargs="+", default=["linear", "knn"], metavar="NAME", help="names, or files")
    parser.add_argument("--list", action="store_true", help="show the protocols that there are, and stop")
    parser.add_argument("--config", help="config of the pretraining, where the checkpoint holds none or an old one")
    parser.add_argument("--dataset", help="config of another data set, to transfer to")
    parser.add_argument("--seeds", nargs="+", type=int, help="of the runs, instead of those that the protocols name")
    parser.add_argument("--work-dir", help="folder of the results (default: work_dirs/benchmark/<run>_<checkpoint>)")
    parser.add_argument("--device", help="where features and probes are computed (default: a GPU, if there is one)")
    parser.add_argument("--force", action="store_true", help="run again what has a result")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        metavar="KEY=VALUE",
        help="settings: variables of the pretraining's config (data_root=...), those of the data set to transfer to "
        "(dataset.data_root=...), or keys of what a protocol runs (train_cfg.max_epochs=10)",
    )
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="let the checkpoint run code while it loads; only for files whose origin you know",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    from mmsync.errors import ProtocolError
    from mmsync.protocols.benchmark import Benchmark, default_device, list_protocols, load_protocol, plain_table

    if args.list:
        for name in list_protocols(PROTOCOLS):
            print(f"{name:<24}{load_protocol(name, PROTOCOLS).title}")
        return
    if args.checkpoint is None:
        raise ProtocolError("give the checkpoint of a pretraining, or --list")
    protocols = [load_protocol(name, PROTOCOLS) for name in dict.fromkeys(args.protocols)]
    checkpoint = Path(checkpoint_path(args.checkpoint))
    work_dir = args.work_dir or Path("work_dirs", "benchmark", f"{checkpoint.resolve().parent.name}_{checkpoint.stem}")
    benchmark = Benchmark(
        args.checkpoint,
        protocols,
        work_dir,
        args.config,
        args.cfg_options,
        args.dataset,
        args.seeds,
        args.device or default_device(),
        args.force,
        args.trust_checkpoint,
    )
    rows = benchmark.run()
    if rows:
        print(f"\n{plain_table(rows)}\n\nresults      {Path(work_dir) / 'results.json'}, results.md")
    if benchmark.failures:
        raise ProtocolError(
            "\n  ".join(["no result of", *(f"{name}: {error}" for name, error in benchmark.failures.items())])
        ) from next(iter(benchmark.failures.values()))


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
