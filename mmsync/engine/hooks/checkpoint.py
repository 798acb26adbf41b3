"""Periodic and best checkpoints."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Optional, Union

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook as UpstreamCheckpointHook

from mmsync.errors import ConfigError, did_you_mean, nearest
from mmsync.fileio import remove_leftovers, write_text
from mmsync.registry import HOOKS


@HOOKS.register_module()
class CheckpointHook(UpstreamCheckpointHook):
    """Saves checkpoints; an old one is removed only after its successor is on disk.

    Args:
        interval: Epochs or iterations between checkpoints; -1 for the last one only.
        by_epoch: Count epochs, else iterations. A run resumes exactly from either.
        save_optimizer: Save the optimizer's state, which resuming needs.
        save_param_scheduler: Save the schedulers' states.
        out_dir: Folder; ``None`` for the work dir.
        max_keep_ckpts: Number of periodic checkpoints to keep; -1 for all.
        save_last: Always save after the last epoch or iteration.
        save_best: Validation results to keep the best checkpoint of, for instance ``'knn/top1'``.
        rule: ``'greater'`` or ``'less'`` is better; ``None`` infers it from the name.
        filename_tmpl: Name with one ``{}``; ``None`` for ``epoch_{}.pth`` or ``iter_{}.pth``.
        published_keys: Keys of a smaller copy that is written at the end; ``None`` for no copy.
        save_begin: First epoch or iteration to save at.
    """

    _default_greater_keys = [*UpstreamCheckpointHook._default_greater_keys, "last", "best", "video", "effective_rank"]
    _default_less_keys = [*UpstreamCheckpointHook._default_less_keys, "eer"]

    keep_ckpt_ids: Any
    best_ckpt_path: Optional[str]
    best_ckpt_path_dict: dict[str, Optional[str]]

    def __init__(
        self, interval: int = -1, by_epoch: bool = True, save_optimizer: bool = True, save_param_scheduler: bool = True,
        out_dir: Optional[str] = None, max_keep_ckpts: int = -1, save_last: bool = True,
        save_best: Union[str, list[str], None] = None, rule: Union[str, list[str], None] = None,
        filename_tmpl: Optional[str] = None, published_keys: Union[str, list[str], None] = None, save_begin: int = 0,
    ) -> None:  # fmt: skip
        periodic = (interval, by_epoch, save_optimizer, save_param_scheduler, out_dir, max_keep_ckpts, save_last)
        rest = dict(filename_tmpl=filename_tmpl, published_keys=published_keys, save_begin=save_begin)
        try:
            super().__init__(*periodic, save_best=save_best, rule=rule, **rest)
        except (ValueError, KeyError) as error:  # no rule follows from the name, or another one is given
            text = f"{error.args[0]}; give rule='greater' or 'less'"
            raise ConfigError(f"default_hooks.checkpoint: {text}") from error

    def before_train(self, runner: Any) -> None:
        """Resolve the folder and remove the temporary files of killed processes."""
        super().before_train(runner)
        self._check_save_best(runner)
        if is_main_process():
            remove_leftovers(self.out_dir)

    def _check_save_best(self, runner: Any) -> None:
        """Raise a ConfigError for a result that the validation will not give, before training."""
        if not self.save_best:
            return
        metrics = [] if runner.val_loop is None else runner.val_loop.evaluator.metrics
        given = [getattr(metric, "gives", None) for metric in metrics]
        known = [name for names in given if names is not None for name in names]
        for key in self.key_indicators:
            if not metrics or not (None in given or key == "auto" or any(fnmatchcase(key, name) for name in known)):
                plain = [name for name in known if not {"*", "["} & set(name)]
                hint = did_you_mean(nearest(key, plain)) or f"; it gives {', '.join(known) or 'nothing'}"
                text = "there is no validation" if not metrics else f"validation gives no {key!r}{hint}"
                raise ConfigError(f"default_hooks.checkpoint.save_best: {text}")

    def _save_checkpoint_with_step(self, runner: Any, step: int, meta: dict[str, int]) -> None:
        """Save, update ``last_checkpoint``, then remove the oldest checkpoint. MMEngine removes it first."""
        outdated = []
        if self.max_keep_ckpts > 0 and step not in self.keep_ckpt_ids:
            kept = [*self.keep_ckpt_ids, step]
            outdated, kept = kept[: -self.max_keep_ckpts], kept[-self.max_keep_ckpts :]
            self.keep_ckpt_ids = type(self.keep_ckpt_ids)(kept, self.max_keep_ckpts)
            runner.message_hub.update_info("keep_ckpt_ids", kept)
        path = Path(self.out_dir) / self.filename_tmpl.format(step)
        self.last_ckpt = str(path)
        runner.message_hub.update_info("last_ckpt", self.last_ckpt)
        state = dict(save_optimizer=self.save_optimizer, save_param_scheduler=self.save_param_scheduler)
        runner.save_checkpoint(self.out_dir, path.name, **state, meta=meta, by_epoch=self.by_epoch)
        if is_main_process():
            write_text(Path(runner.work_dir) / "last_checkpoint", self.last_ckpt)
            for old in outdated:
                (path.parent / self.filename_tmpl.format(old)).unlink(missing_ok=True)

    def _save_best_checkpoint(self, runner: Any, metrics: dict[str, float]) -> None:
        """Save the best checkpoint so far, then remove the former best. MMEngine removes it first."""
        if not self.save_best:
            return
        for key in self.key_indicators:
            if key != "auto" and key not in metrics:
                text = f"validation gives no {key!r}; it gives {', '.join(metrics)}"
                raise ConfigError(f"default_hooks.checkpoint.save_best: {text}")
        several = len(self.key_indicators) > 1
        former = dict(self.best_ckpt_path_dict) if several else {self.key_indicators[0]: self.best_ckpt_path}
        if several:
            self.best_ckpt_path_dict = dict.fromkeys(former)  # MMEngine has nothing to remove
        else:
            self.best_ckpt_path = None
        super()._save_best_checkpoint(runner, metrics)
        current = self.best_ckpt_path_dict if several else {self.key_indicators[0]: self.best_ckpt_path}
        for key, old in zip(list(current), former.values()):
            if current[key] is None:
                current[key] = old
            elif old is not None and old != current[key] and is_main_process():
                Path(old).unlink(missing_ok=True)
        if not several:
            self.best_ckpt_path = next(iter(current.values()))
