"""Draw the learning rate and the momentum of a config over the iterations, without training.

    python tools/visualization/vis_scheduler.py CONFIG [-p lr momentum] [-d 4000] [-n 2] [-s scheduler.png]

Rates that differ by parameter (``paramwise_cfg``) have a line each. Where the config counts epochs and there is
no ``-d``, the training clips are counted, which needs the data.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import warnings
from typing import Any

import numpy as np

from mmsync.apis.cli import KeyValue, check_with_data, output_file, require, run_tool
from mmsync.errors import ConfigError


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config file")
    choices = ["lr", "momentum"]
    parser.add_argument("-p", "--parameter", nargs="+", choices=choices, default=choices, help="what to draw")
    parser.add_argument("-d", "--dataset-size", type=int, help="training clips (default: those of the data)")
    parser.add_argument("-n", "--ngpus", type=int, default=1, help="processes that share an epoch (default: 1)")
    parser.add_argument(
        "-s", "--save-path", "--out", default="scheduler.png", help="picture, its suffix chooses the format"
    )
    parser.add_argument("--title", help="of the picture (default: the config's name)")
    parser.add_argument("--window-size", default="9*4", metavar="W*H", help="size in inches (default: 9*4)")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, metavar="KEY=VALUE", help="override settings")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def build_runner(cfg: Any, count: int, ngpus: int, folder: str) -> Any:
    """A Runner with the model, optimizer and schedulers of a config, and ``count`` clips for ``ngpus`` processes."""
    from torch.utils.data import DataLoader

    from mmsync.engine.runner import MotionRunner

    loader = cfg.train_dataloader
    share = math.ceil(count / ngpus)
    data = DataLoader(range(share), loader["batch_size"], drop_last=loader.get("drop_last", True))
    if not len(data):
        raise ConfigError(f"{share} clips a process are less than a batch of {loader['batch_size']}; give a larger -d")
    keys = ("model", "train_cfg", "optim_wrapper", "param_scheduler", "auto_scale_lr", "randomness", "default_scope")
    settings = {key: cfg.get(key) for key in keys}
    runner = MotionRunner(**settings, train_dataloader=data, work_dir=folder, log_level="ERROR", experiment_name="lr")
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner.scale_lr(runner.optim_wrapper, cfg.get("auto_scale_lr"))
    runner.param_schedulers = runner.build_param_scheduler(runner.param_schedulers) if runner.param_schedulers else []
    return runner


def momentum_of(group: dict[str, Any]) -> float:
    """Momentum of a group of parameters, of Adam the first beta; NaN without one."""
    return group.get("momentum", group.get("betas", (math.nan,))[0])


def record(runner: Any) -> dict[str, dict[str, np.ndarray]]:
    """Values ``(iterations,)`` of each different group of parameters, by parameter and label."""
    wrapper, schedulers = runner.optim_wrapper, runner.param_schedulers
    wrappers = dict(wrapper.items()) if hasattr(wrapper, "items") else {"": wrapper}
    lists = schedulers if isinstance(schedulers, dict) else {"": schedulers}
    groups = {(name, i): g for name, one in wrappers.items() for i, g in enumerate(one.optimizer.param_groups)}
    names = {id(p): name for name, p in runner.model.named_parameters()}
    values: dict[str, dict[Any, list[float]]] = {"lr": {k: [] for k in groups}, "momentum": {k: [] for k in groups}}
    epoch = len(runner.train_dataloader)
    warnings.filterwarnings("ignore", message="Detected call of `scheduler.step")  # there is no optimizer.step
    for step in range(1, runner.max_iters + 1):
        for key, group in groups.items():
            values["lr"][key].append(group["lr"])
            values["momentum"][key].append(momentum_of(group))
        for one in (one for part in lists.values() for one in part):  # as ParamSchedulerHook does
            if not one.by_epoch or step % epoch == 0:
                one.step()
    out: dict[str, dict[str, np.ndarray]] = {}
    for parameter, curves in values.items():
        alike: dict[tuple[float, ...], list[str]] = {}
        for key, curve in curves.items():
            alike.setdefault(tuple(curve), []).extend(names[id(p)] for p in groups[key]["params"])
        out[parameter] = {f"{which[0]} ({len(which)} tensors)": np.array(curve) for curve, which in alike.items()}
    return out


def draw(curves: dict[str, dict[str, np.ndarray]], title: str, size: tuple[float, float], path: str) -> None:
    """Draw a panel for each parameter."""
    from mmsync.visualization.figures import new_figure, save_figure

    figure = new_figure(*size)
    for axes, (parameter, lines) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items()):
        for label, curve in lines.items():
            axes.plot(np.arange(1, len(curve) + 1), curve, label=label, linewidth=1.5)
        axes.set_title({"lr": "learning rate"}.get(parameter, parameter), fontsize=10)
        axes.set_xlabel("iteration", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if 1 < len(lines) <= 12:
            axes.legend(fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path)


def window(text: str) -> tuple[float, float]:
    """Width and height of ``W*H``."""
    try:
        width, height = (float(part) for part in text.split("*"))
    except ValueError as error:
        raise ConfigError(f"--window-size {text}: give width*height in inches, such as 9*4") from error
    if not (1 <= width <= 100 and 1 <= height <= 100):
        raise ConfigError(f"--window-size {text}: give 1 to 100 inches")
    return width, height


def main(args: argparse.Namespace) -> None:
    """Write the picture."""
    from mmengine.registry import init_default_scope

    from mmsync.config import check, load
    from mmsync.config.fit import walk
    from mmsync.registry import DATASETS

    output_file(args.save_path)
    size = window(args.window_size)
    if args.ngpus < 1 or (args.dataset_size is not None and args.dataset_size < 1):
        raise ConfigError(f"--ngpus {args.ngpus}, --dataset-size {args.dataset_size}: give 1 or more")
    cfg = load(args.config, args.cfg_options)
    loader = require(cfg, "train_dataloader", "a schedule")
    check(cfg)
    init_default_scope(cfg.default_scope)
    settings = walk({"": cfg.to_dict().get("param_scheduler")})
    converts = any(keys[-1:] == ("convert_to_iter_based",) and value for keys, value in settings)
    by_epoch = converts or cfg.train_cfg.get("by_epoch", "max_iters" not in cfg.train_cfg)
    count = args.dataset_size or (None if by_epoch else args.ngpus * loader["batch_size"])
    if count is None:
        check_with_data(cfg, "or give -d CLIPS, their number, which needs no data")
        count = len(DATASETS.build({k: v for k, v in loader["dataset"].items() if k != "cache"}))
    with tempfile.TemporaryDirectory() as folder:
        runner = build_runner(cfg, count, args.ngpus, folder)
        curves = {key: value for key, value in record(runner).items() if key in args.parameter}
        draw(curves, args.title or cfg.filename.split("/")[-1], size, args.save_path)
    epoch = f"{count} clips, {len(runner.train_dataloader)} iterations an epoch, " if by_epoch else "iterations: "
    print(f"{epoch}{runner.max_iters} in all")
    for parameter, lines in curves.items():
        for label, curve in lines.items():
            text = f"first {curve[0]:.4g}, largest {np.max(curve):.4g}, last {curve[-1]:.4g}"
            print(f"{parameter}, {label}: {text}" if len(lines) > 1 else f"{parameter}: {text}")
    print(f"picture: {args.save_path}")


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
