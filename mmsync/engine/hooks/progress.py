"""Progress of a run on the console."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import Any, Optional

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop
from tqdm import tqdm

from mmsync.engine.hooks.summary import HEADLINES, place
from mmsync.registry import HOOKS


@HOOKS.register_module()
class ProgressBarHook(Hook):
    """Shows progress, loss and the latest result: on a terminal as a bar, elsewhere as a line every ``seconds``.

    Args:
        bar: Draw bars; ``None`` draws them if standard error is a terminal.
        interval: Iterations between updates of the loss on the bar.
        seconds: Minimum time between two lines, without bars.
        watch: Validation result to show beside the bar; ``None`` for the first of ``HEADLINES`` that is available.
    """

    priority = "BELOW_NORMAL"

    def __init__(
        self, bar: Optional[bool] = None, interval: int = 10, seconds: float = 20.0, watch: Optional[str] = None
    ) -> None:
        self.use_bar = sys.stderr.isatty() if bar is None else bar
        self.interval = interval
        self.seconds = seconds
        self.watch = HEADLINES if watch is None else (watch,)
        self.watched: dict[str, str] = {}
        self.bars: dict[str, tqdm] = {}
        self.started = self.last_line = 0.0
        self.first_iter = 0

    def before_train(self, runner: Any) -> None:
        """Open the bar."""
        self.started = self.last_line = time.monotonic()
        self.first_iter = runner.iter
        self._open("train", runner.max_iters, runner.iter, keep=True)

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Update the bar."""
        done = runner.iter + 1
        if "train" in self.bars:
            bar = self.bars["train"]
            if done % self.interval == 0 or done == runner.max_iters:
                bar.set_postfix(self._state(runner), refresh=False)
            bar.update()
        elif self._line_is_due(last=done == runner.max_iters) and is_main_process():
            pace = (time.monotonic() - self.started) / (done - self.first_iter)
            rest = timedelta(seconds=round((runner.max_iters - done) * pace))
            speed = f"{1 / pace:.1f} it/s" if pace < 1 else f"{pace:.1f} s/it"
            state = "  ".join(f"{k} {v}" for k, v in self._state(runner).items())
            runner.logger.info(f"iteration {done}/{runner.max_iters}  {state}  {speed}  {rest} left")

    def after_train(self, runner: Any) -> None:
        """Close the bar."""
        self._close("train")

    def _before_epoch(self, runner: Any, mode: str = "train") -> None:
        if mode == "test":
            self.last_line = time.monotonic()
        if mode != "train":
            self._open(mode, len(getattr(runner, f"{mode}_dataloader")))

    def _after_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None, mode: str = "train"
    ) -> None:
        if mode in self.bars:
            self.bars[mode].update()
        elif self._line_is_due() and is_main_process():
            total = len(getattr(runner, f"{mode}_dataloader"))
            runner.logger.info(f"features: batch {batch_idx + 1}/{total}")

    def after_val_epoch(self, runner: Any, metrics: Optional[dict[str, float]] = None) -> None:
        """Log the results of validation."""
        self._close("val")
        metrics = metrics or {}
        if watched := next((key for key in self.watch if key in metrics), None):
            self.watched = {watched: f"{metrics[watched]:.2f}"}
        training = isinstance(runner._train_loop, BaseLoop)  # runner.train_loop would build it
        text = "{} {}/{}".format(*place(runner)) if training else "validation"
        runner.logger.info(f"{text}  {_results(metrics, self._state(runner, watched=False))}")

    def after_test_epoch(self, runner: Any, metrics: Optional[dict[str, float]] = None) -> None:
        """Log the results of the test."""
        self._close("test")
        runner.logger.info(f"test  {_results(metrics or {})}")

    def _open(self, mode: str, total: int, initial: int = 0, keep: bool = False) -> None:
        if self.use_bar and is_main_process():
            name = "training" if mode == "train" else "features"
            self.bars[mode] = tqdm(total=total, initial=initial, desc=name, leave=keep, dynamic_ncols=True)

    def _close(self, mode: str) -> None:
        if mode in self.bars:
            self.bars.pop(mode).close()

    def _line_is_due(self, last: bool = False) -> bool:
        now = time.monotonic()
        due = last or now - self.last_line >= self.seconds
        if due:
            self.last_line = now
        return due

    def _state(self, runner: Any, watched: bool = True) -> dict[str, str]:
        loss = runner.message_hub.log_scalars.get("train/loss")
        state = {} if loss is None else {"loss": f"{loss.mean(self.interval):.4f}"}
        return {**state, **(self.watched if watched else {})}


def _results(metrics: dict[str, float], state: Optional[dict[str, str]] = None) -> str:
    shown = {**(state or {}), **{k: f"{v:.4g}" if isinstance(v, float) else str(v) for k, v in metrics.items()}}
    return "  ".join(f"{k} {v}" for k, v in shown.items())
