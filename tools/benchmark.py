"""Evaluate a checkpoint by several protocols: ``mmsync benchmark CHECKPOINT --protocols linear knn semi10``.

Encoder, stream and data are those of the pretraining, whose config is in the checkpoint (or is given by ``--config``).

``mmsync benchmark WORK_DIR --every 10 --protocols linear knn`` evaluates every 10th checkpoint, and gives
one table by epoch and a picture. ``mmsync analyze_logs plot_curve`` draws several such results in one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmsync.apis.cli import KeyValue, add_other_input, add_trust, checkpoint_path, device, run_tool
from mmsync.fileio import CONFIGS

PROTOCOLS = CONFIGS / "benchmarks"


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="?", help="checkpoint file of a pretraining, or with --every its work dir")
    parser.add_argument("--every", type=int, metavar="N", help="evaluate each N-th checkpoint, back from the last")
    parser.add_argument("--protocols", nargs="+", default=["linear", "knn"], metavar="NAME", help="names, or files")
    parser.add_argument("--list", action="store_true", help="list the protocols and stop")
    parser.add_argument("--config", help="config of the pretraining, where the checkpoint holds none or an old one")
    parser.add_argument("--encoder", metavar="NAME", help="encoder of a method with several (default: the first)")
    parser.add_argument("--dataset", help="config of another data set, to transfer to")
    parser.add_argument("--seeds", nargs="+", type=int, help="seeds of the runs, instead of those of the protocols")
    parser.add_argument("--work-dir", help="folder of results (default: work_dirs/benchmark/<run>[_<checkpoint>])")
    parser.add_argument("--device", help="where features and probes are computed (default: a GPU, if there is one)")
    parser.add_argument("--force", action="store_true", help="run again what has a result")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=KeyValue,
        metavar="KEY=VALUE",
        help="settings: variables of the pretraining's config (data_root=...), those of the data set to transfer to "
        "(dataset.data_root=...), or keys of what a protocol runs (train_cfg.max_epochs=10)",
    )
    add_trust(parser)
    add_other_input(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    from mmsync.engine.checkpoint import list_checkpoints
    from mmsync.errors import ConfigError, ProtocolError
    from mmsync.protocols import Benchmark, benchmark_history, list_protocols, load_protocol
    from mmsync.protocols.tables import history_cells, plain_cells, result_cells

    if args.list:
        for name in list_protocols(PROTOCOLS):
            protocol = load_protocol(name, PROTOCOLS)
            print(f"{name:<24}{protocol.title_on(protocol.dataset and protocol.dataset.stem)}")
        return
    if args.checkpoint is None:
        raise ProtocolError("give the checkpoint of a pretraining, or --list")
    if args.device:
        device(args.device)
    if any(seed < 0 for seed in args.seeds or ()):
        raise ConfigError(f"--seeds {' '.join(map(str, args.seeds))}: must be 0 or more")
    protocols = [load_protocol(name, PROTOCOLS) for name in dict.fromkeys(args.protocols)]
    options = dict(config=args.config, options=args.cfg_options, dataset=args.dataset, seeds=args.seeds)
    options.update(device=args.device, force=args.force, trust=args.trust_checkpoint)
    options.update(encoder=args.encoder, other_input=args.other_input)
    path = Path(args.checkpoint)
    if args.every is not None:
        work_dir = args.work_dir or Path("work_dirs", "benchmark", path.resolve().name)
        rows, failures = benchmark_history(list_checkpoints(path, args.every), protocols, work_dir, **options)
        table = plain_cells(history_cells(rows))
    else:
        path = Path(checkpoint_path(args.checkpoint))
        work_dir = args.work_dir or Path("work_dirs", "benchmark", f"{path.resolve().parent.name}_{path.stem}")
        benchmark = Benchmark(args.checkpoint, protocols, work_dir, **options)
        rows, failures = benchmark.run(), benchmark.failures
        table = plain_cells(result_cells(rows))
    if rows:
        print(f"\n{table}\n\nresults      {Path(work_dir) / 'results.json'}, results.md")
    if failures:
        text = "\n  ".join(["no result of", *(f"{name}: {error}" for name, error in failures.items())])
        raise ProtocolError(text) from next(iter(failures.values()))


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
