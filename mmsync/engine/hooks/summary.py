"""Summary at the end of a run: results, and the paths of its files."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Optional

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapperDict
from mmengine.runner import BaseLoop, IterBasedTrainLoop
from mmengine.visualization import LocalVisBackend

from mmsync.engine.optimizers import describe
from mmsync.media.pictures import decode_picture
from mmsync.registry import HOOKS
from mmsync.runlog import read_run
from mmsync.visualization import draw_curves, draw_embedding, draw_frame_embedding, is_ragged, queries_of, sample_frames

HEADLINES = ("pairs/auc", "knn/top1", "linear/last", "accuracy/top1", "phases/mean", "tau/mean")
"""Main results of evaluations, in order of preference."""
ALIGNMENT = "alignment.png"
CURVES = ("loss", *HEADLINES, "pairs/auc_hard", "collapse/std", "collapse/effective_rank")


@HOOKS.register_module()
class RunSummaryHook(Hook):
    """Logs what trains, draws the last evaluation's features ``(N, D)`` and the curves, and lists results and files.

    Of sequences the picture shows frames of the query role, the color is their activity and the marker their phase.

    Args:
        method: Projection to two dimensions, ``'tsne'`` or ``'pca'``.
        max_points: Maximum number of points in the picture.
    """

    priority = "LOWEST"

    def __init__(self, method: str = "tsne", max_points: int = 1000) -> None:
        self.method = method
        self.max_points = max_points
        self.history: list[tuple[int, dict[str, float]]] = []
        self.started = 0.0

    def before_train(self, runner: Any) -> None:
        """Start the timer, and log what trains: the optimizer, its rates and the precision."""
        self.started = time.monotonic()
        if runner.iter >= runner.max_iters:
            unit, done, _ = place(runner)
            length = {"epoch": "max_epochs", "iteration": "max_iters"}[unit]
            runner.logger.info(f"nothing left to do: all {done} {unit}s are done; raise {length} to go on")
        wrapper = runner.optim_wrapper
        named = (
            {f"{name}: ": one for name, one in wrapper.items()}
            if isinstance(wrapper, OptimWrapperDict)
            else {"": wrapper}
        )
        for name, one in named.items():
            runner.logger.info(f"training: {name}{describe(one, runner.model)}")

    def after_val_epoch(self, runner: Any, metrics: Optional[dict[str, float]] = None) -> None:
        """Store the results."""
        training = isinstance(runner._train_loop, BaseLoop)  # place() would build it
        self.history.append((place(runner)[1] if training else 0, dict(metrics or {})))

    def after_train(self, runner: Any) -> None:
        """Log the summary."""
        if not is_main_process():
            return
        hub = runner.message_hub
        took = timedelta(seconds=round(time.monotonic() - self.started))
        unit = place(runner)[0]
        epochs = f"{runner.epoch} epochs, " if unit == "epoch" else ""
        lines = [f"training finished: {epochs}{runner.iter} iterations, {took}"]
        for key in HEADLINES:
            if values := [(m[key], number) for number, m in self.history if key in m]:
                best, number = max(values)
                form = "{:.3f}" if key == "tau/mean" else "{:.2f} %"
                end, most = form.format(values[-1][0]), form.format(best)
                lines.append(f"{key:<12} {end} at the end, {most} at best ({unit} {number})")
        last = hub.get_info("last_ckpt")
        pictures = {"embedding": self._draw_embedding(runner, runner.val_loop), "curves": _draw_curves(runner)}
        pictures["alignment"] = str(Path(runner.work_dir) / ALIGNMENT)  # of AlignmentVisHook
        _show(runner, [path for path in pictures.values() if path and os.path.isfile(path)])
        lines += _file_lines(runner, checkpoint=last, best=hub.get_info("best_ckpt"), **pictures)
        if last and runner.cfg.filename:  # the copy in the work dir, which includes --cfg-options
            config = str(runner.config_file)
            lines.append(f"{'evaluate':<12} mmsync test {_short(config)} {_short(last)}")
        runner.logger.info("\n  " + "\n  ".join(lines))

    def after_test_epoch(self, runner: Any, metrics: Optional[dict[str, float]] = None) -> None:
        """Draw the embedding of a test."""
        if is_main_process():
            lines = _file_lines(runner, embedding=self._draw_embedding(runner, runner.test_loop, "_test"))
            runner.logger.info("\n  " + "\n  ".join(lines))

    def _draw_embedding(self, runner: Any, loop: Any, suffix: str = "") -> Optional[str]:
        data = last_features(loop)
        if "feature" not in data:
            return None
        path = Path(runner.work_dir) / f"embedding{suffix}.png"
        names = getattr(loop.dataloader.dataset, "metainfo", {}).get("classes")
        try:
            if is_ragged(data):
                number = max(1, self.max_points // max(1, len(data.numbers("label").unique())))
                draw_frame_embedding(sample_frames(queries_of(data), number), path, names, self.method)
            else:
                points = data.vectors("feature"), data.numbers("label")
                draw_embedding(*points, path, names, self.method, self.max_points)
        except Exception as error:
            runner.logger.warning(f"no picture of the embedding: {error}")
            return None
        return str(path)


def place(runner: Any) -> tuple[str, int, int]:
    """What the training loop counts, epochs or iterations, the number that is done and that in all."""
    if isinstance(runner._train_loop, IterBasedTrainLoop):
        return "iteration", runner.iter, runner.max_iters
    return "epoch", runner.epoch, runner.max_epochs


def last_features(loop: Any) -> Any:
    """The table of the features of a loop's last evaluation; an empty tuple without one."""
    metrics = () if loop is None or isinstance(loop, dict) else loop.evaluator.metrics
    return next((metric.last for metric in metrics if getattr(metric, "last", None) is not None), ())


def _draw_curves(runner: Any) -> Optional[str]:
    path = Path(runner.work_dir) / "curves.png"
    try:
        run = read_run(runner.work_dir)
        draw_curves([run], [key for key in CURVES if key in run.keys], path)
    except Exception as error:
        runner.logger.warning(f"no picture of the curves: {error}")
        return None
    return str(path)


def _show(runner: Any, paths: list[str]) -> None:
    """Give pictures to the backends of the log, but to the local one, whose folder is that of the run."""
    for backend in runner.visualizer._vis_backends.values():
        for path in paths if not isinstance(backend, LocalVisBackend) else ():
            backend.add_image(Path(path).stem, decode_picture(Path(path).read_bytes(), path), runner.iter)


def _file_lines(runner: Any, **paths: Optional[str]) -> list[str]:
    paths["log"] = os.path.join(runner.log_dir, f"{runner.timestamp}.log")
    return [f"{name:<12} {_short(path)}" for name, path in paths.items() if path and os.path.exists(path)]


def _short(path: str) -> str:
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative
