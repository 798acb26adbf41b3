"""The Runner of mmsync: MMEngine's, with exact resuming, atomic checkpoints and a brief console."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Optional, Union

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import all_gather_object, broadcast_object_list, is_distributed, is_main_process
from mmengine.evaluator import Evaluator
from mmengine.hooks import CheckpointHook
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop, IterBasedTrainLoop, Runner
from mmengine.runner.checkpoint import find_latest_checkpoint
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from mmsync import compat
from mmsync.config.inputs import check_input, input_record
from mmsync.config.text import RESOLVED, config_text
from mmsync.engine.allocator import keep_freed_memory
from mmsync.engine.buffers import synchronize_buffers
from mmsync.engine.checkpoint import load_weights, read_checkpoint, write_checkpoint
from mmsync.engine.console import tame_console
from mmsync.engine.fit_data import check_loops, rehearse
from mmsync.engine.folds import check_folds, trained_folds
from mmsync.engine.hooks.calls import hook_problem
from mmsync.engine.hooks.whitening import FitWhiteningHook
from mmsync.engine.optimizers import complete_paramwise
from mmsync.engine.pretrained import pretrained_files
from mmsync.engine.run_folder import make_folder, own_folder
from mmsync.engine.training_state import (
    get_rng_state,
    load_optimizer_state,
    load_scheduler_states,
    resume_point,
    set_rng_state,
    training_state,
)
from mmsync.errors import CheckpointError, ConfigError, ContractError, Interrupted
from mmsync.evaluation.metrics import TableEvaluator
from mmsync.fileio import write_text
from mmsync.models.modules import convert_sync_batchnorm
from mmsync.models.necks import Whitening
from mmsync.registry import RUNNERS, naming_errors, type_name


@RUNNERS.register_module()
class MotionRunner(Runner):
    """A :class:`mmengine.runner.Runner` that resumes bit for bit, also from the middle of an epoch.

    It refuses weights of another model or of another input, and tests on clips that the model was trained on in another
    fold. In the config ``load_partial=True`` accepts backbones that match in part, ``other_input=True`` another input,
    and ``trust_checkpoint=True`` lets checkpoints run code while they load.
    """

    param_schedulers: Any
    optim_wrapper: Any
    _load_from: Optional[str]
    trained_folds: Sequence[str] = ()  # folds of data sets that the loaded weights were trained on
    _batches_seen = 0  # of the interrupted epoch
    _resumed_rng: Optional[dict[str, Any]] = None  # until the first batch
    _config_is_due = False  # until a training has loaded what it begins with
    _rng_before_val: Optional[dict[str, Any]] = None
    _timestamp: str
    _timestamps: set[str] = set()

    @classmethod
    def from_cfg(cls, cfg: Any) -> MotionRunner:
        """Build a Runner; raises a ``ConfigError`` unless the work dir of the config can be written."""
        make_folder(cfg.get("work_dir"))
        return super().from_cfg(cfg)

    def setup_env(self, env_cfg: dict[str, Any]) -> None:
        """Set up the environment, with gloo if there is no CUDA."""
        if self.distributed and not is_distributed():
            compat.require_launched(self._launcher)
        if self.distributed and not is_distributed() and not torch.cuda.is_available():
            compat.init_cpu_group(self._launcher, env_cfg.get("dist_cfg", {}).get("timeout"))
        super().setup_env(env_cfg)
        if not torch.cuda.is_available():
            keep_freed_memory()
        self._timestamp = self._own_time(self._timestamp)

    def _own_time(self, start: str) -> str:
        """A name of the logs, which MMEngine gives by the second, that no other run in the work dir has."""
        name, number = [start], 1
        while is_main_process():  # shared state of a process, too, has this name
            with suppress(FileExistsError):
                if name[0] not in MotionRunner._timestamps:
                    os.mkdir(os.path.join(self.work_dir, name[0]))
                    break
            number += 1
            name[0] = f"{start}_{number}"
        broadcast_object_list(name)
        MotionRunner._timestamps.add(name[0])
        return name[0]

    def wrap_model(self, model_wrapper_cfg: Optional[dict], model: nn.Module) -> nn.Module:
        """Wrap the model for several processes, on CUDA or the CPU."""
        on_cpu = self.distributed and not torch.cuda.is_available()
        if not on_cpu or model_wrapper_cfg is not None or is_model_wrapper(model):
            with compat.no_wrapper_warning():
                return super().wrap_model(model_wrapper_cfg, model)
        if self.cfg.get("sync_bn"):  # on CUDA, MMEngine takes torch's fused kernels
            convert_sync_batchnorm(model)
        return compat.wrap_on_cpu(model, self.cfg.get("find_unused_parameters", False))

    def build_logger(self, log_level: Union[int, str] = "INFO", log_file: Optional[str] = None, **kwargs) -> MMLogger:
        """Build a logger with a brief console and a complete file."""
        logger = super().build_logger(log_level, log_file, **kwargs)
        tame_console(logger)
        return logger

    def build_visualizer(self, visualizer: Any = None) -> Any:
        """Build the visualizer, with ``vis_backends`` of the config and the scalars that summary and tools read."""
        if visualizer is not None and not isinstance(visualizer, dict):
            return super().build_visualizer(visualizer)
        cfg = {"type": "Visualizer", "name": self._experiment_name, "save_dir": self._log_dir, **(visualizer or {})}
        wanted = cfg.get("vis_backends") or self.cfg.get("vis_backends") or []
        backends = [wanted] if isinstance(wanted, dict) and "type" in wanted else wanted
        for backend in backends:
            if not isinstance(backend, dict) or "type" not in backend:
                raise ConfigError(f"vis_backends: is {wanted!r}, must be a list such as [dict(type='LocalVisBackend')]")
            compat.require_backend(str(backend["type"]))
        local = any(backend["type"] == "LocalVisBackend" for backend in backends)
        cfg["vis_backends"] = backends if local else [{"type": "LocalVisBackend"}, *backends]
        return super().build_visualizer(cfg)

    def register_default_hooks(self, hooks: Optional[dict[str, Any]] = None) -> None:
        """Register the default hooks; one of ours that is None is left out, as one of MMEngine's is."""
        ours = {"progress", "collapse", "summary"}
        super().register_default_hooks({k: v for k, v in (hooks or {}).items() if v is not None or k not in ours})

    def register_custom_hooks(self, hooks: list[Any]) -> None:
        """Register the hooks of the config; a ContractError for one with a method that is never called."""
        super().register_custom_hooks(hooks)
        for hook in self._hooks:
            if (problem := hook_problem(hook)) is not None:
                raise ContractError(f"{type(hook).__name__}: {problem}")

    def dump_config(self) -> None:
        """Do nothing: only :meth:`train` writes the config, so that a test does not replace that of the training."""

    def train(self) -> nn.Module:
        """Train, and write the config to the work dir, which this run owns until it ends.

        Raises:
            ConfigError: Another run is in the work dir, see :func:`~mmsync.engine.run_folder.own_folder`; or nothing
                fits the model's ``Whitening``.
        """
        overwrite = self.cfg.pop("overwrite", False)  # of this call, not of the run
        with own_folder(self.work_dir, self.log_dir, bool(self._resume), self._load_from, overwrite):
            self._config_is_due = True
            try:
                return super().train()
            except KeyboardInterrupt:
                raise self._interrupted() from None

    def _interrupted(self) -> Interrupted:
        last = Path(self.work_dir) / "last_checkpoint"
        saved = f"the last checkpoint is {last.read_text(encoding='utf-8')}" if last.is_file() else "nothing is saved"
        hook = next((hook for hook in self.hooks if isinstance(hook, CheckpointHook)), None)
        if hook is not None and hook.interval > 0 and not last.is_file():
            unit = "epoch" if hook.by_epoch else "iteration"
            saved += f": the first checkpoint is due after {unit} {hook.interval} (default_hooks.checkpoint.interval)"
        place = f"epoch {self.epoch + 1}, iteration {self.iter} of {self.max_iters}" if self.iter else "the start"
        return Interrupted(f"interrupted at {place}; {saved}", last.is_file())

    @property
    def config_file(self) -> Path:
        """File of the resolved config in the work dir, a Python file; not the user's own, should that be there too."""
        given = Path(self.cfg.filename or f"{self.timestamp}.py")
        path = Path(self.work_dir) / f"{given.stem}.py"
        own = path.exists() and given.exists() and path.samefile(given)
        if own and not path.read_text(encoding="utf-8").startswith(RESOLVED):
            return path.with_name(f"{given.stem}_resolved.py")
        return path

    def _write_config(self) -> None:
        """Write the resolved config to the work dir: elsewhere it trains the same, from the beginning."""
        load_from = None if self._resume else self.cfg.get("load_from")
        began = Config({**self.cfg.to_dict(), "resume": False, "load_from": load_from})
        if is_main_process():
            write_text(self.config_file, f"{RESOLVED}\n{config_text(began)}")

    @property
    def bare_model(self) -> nn.Module:
        """The model without the wrapper for several processes."""
        return self.model.module if is_model_wrapper(self.model) else self.model

    def build_train_loop(self, loop: Union[BaseLoop, dict]) -> BaseLoop:
        """Build the training loop; ``by_epoch`` chooses it unless ``type`` does."""
        if isinstance(loop, dict) and "type" not in loop:
            loop = dict(loop)
            by_epoch = loop.pop("by_epoch", "max_epochs" in loop)
            loop["type"] = "mmsync.EpochBasedTrainLoop" if by_epoch else "mmsync.IterBasedTrainLoop"
        return super().build_train_loop(loop)

    def build_val_loop(self, loop: Union[BaseLoop, dict]) -> BaseLoop:
        """Build the validation loop."""
        return super().build_val_loop({"type": "mmsync.ValLoop", **loop} if isinstance(loop, dict) else loop)

    def build_test_loop(self, loop: Union[BaseLoop, dict]) -> BaseLoop:
        """Build the test loop."""
        return super().build_test_loop({"type": "mmsync.TestLoop", **loop} if isinstance(loop, dict) else loop)

    def build_evaluator(self, evaluator: Union[dict, list, Evaluator]) -> Evaluator:
        """Build the evaluator; metrics get the tables that models predict."""
        if isinstance(evaluator, list) or (isinstance(evaluator, dict) and "metrics" not in evaluator):
            return TableEvaluator(evaluator)
        return super().build_evaluator(evaluator)

    @staticmethod
    def build_dataloader(
        dataloader: Union[DataLoader, dict], seed: Optional[int] = None, diff_rank_seed: bool = False
    ) -> DataLoader:
        """Build a data loader; without ``collate_fn`` it uses the data set's own ``collate``, if there is one."""
        dataset = dataloader.get("dataset") if isinstance(dataloader, dict) else None
        with naming_errors(f"the data loader of {type_name(dataset, 'a data set')}"):  # MMEngine's registry does not
            loader = Runner.build_dataloader(dataloader, seed, diff_rank_seed)
        if isinstance(dataloader, dict) and loader.generator is None:
            # worker seeds come from here: opening an iterator must not advance the generator of the model
            loader.generator = torch.Generator().manual_seed(seed or 0)
        if isinstance(dataloader, dict) and "collate_fn" not in dataloader and hasattr(loader.dataset, "collate"):
            loader.collate_fn = loader.dataset.collate
        if not isinstance(loader.dataset, IterableDataset) and len(loader) == 0:
            size = len(loader.sampler or loader.dataset)  # type: ignore[arg-type]
            raise ConfigError(
                f"batch_size={getattr(loader.batch_sampler, 'batch_size', '?')} is larger than the {size} samples that "
                f"this process sees in an epoch: lower the loader's batch_size to {size}, or set drop_last=False"
                if size
                else f"the data set of type {type(loader.dataset).__name__} is empty: check its split and data root"
            )
        return loader

    def build_optim_wrapper(self, optim_wrapper: Union[OptimWrapper, dict]) -> OptimWrapper:
        """Build the optimizer's wrapper; refuse settings that could not take effect."""
        if isinstance(optim_wrapper, dict):
            if optim_wrapper.get("paramwise_cfg") and "optimizer" in optim_wrapper:
                optim_wrapper = complete_paramwise(self.bare_model, optim_wrapper)
            if optim_wrapper.get("type") == "AmpOptimWrapper" and get_device() == "cpu":
                text = "AmpOptimWrapper needs a GPU; AutocastOptimWrapper works everywhere"
                raise ConfigError(f"optim_wrapper.type: {text}")
        if not any(parameter.requires_grad for parameter in self.model.parameters()):
            raise ConfigError(f"{type(self.bare_model).__name__} has no parameters to train")
        return super().build_optim_wrapper(optim_wrapper)

    def scale_lr(self, optim_wrapper: OptimWrapper, auto_scale_lr: Optional[dict] = None) -> None:
        """Scale learning rates by the global batch size / ``base_batch_size``, also schedulers' own (``eta_max``)."""
        super().scale_lr(optim_wrapper, auto_scale_lr)
        if auto_scale_lr is None or not auto_scale_lr.get("enable", False):
            return
        loader = self._train_dataloader
        batch_size = loader["batch_size"] if isinstance(loader, dict) else loader.batch_size
        ratio = batch_size * self.world_size / auto_scale_lr["base_batch_size"]
        self.param_schedulers = schedulers = copy.deepcopy(self.param_schedulers)  # leave the config as written
        for scheduler in _configs(schedulers):
            for key in {"eta_max", "eta_min"} & set(scheduler) if str(scheduler.get("type")).endswith("LR") else ():
                scheduler[key] *= ratio

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """Build schedulers; in training by iterations, those that are converted from epochs last until its end."""
        if isinstance(self._train_loop, IterBasedTrainLoop) and _configs(scheduler):  # none are built already
            scheduler = copy.deepcopy(scheduler)
            for one in _configs(scheduler):  # MMEngine would end them after a pass over the data
                if one.get("convert_to_iter_based"):
                    one.setdefault("end", (self.max_iters + 0.5) / len(self.train_dataloader))
        try:
            return super().build_param_scheduler(scheduler)
        except ZeroDivisionError as error:  # OneCycleLR whose warm-up, pct_start, is one step
            text = f"a warm-up is a single step of {self.max_iters}; train longer, or use WarmupCosineLR"
            raise ConfigError(f"param_scheduler: {text}") from error

    @contextmanager
    def training_rng_kept(self) -> Iterator[None]:
        """Restore the random generators after the block."""
        self._rng_before_val = get_rng_state()
        try:
            yield
        finally:
            set_rng_state(self._rng_before_val)
            self._rng_before_val = None

    def restore_rng(self) -> None:
        """Restore the random states of the resumed checkpoint, once."""
        rng, self._resumed_rng = self._resumed_rng, None
        if rng is not None:
            set_rng_state(rng)

    def pop_batches_seen(self) -> int:
        """Number of batches of the interrupted epoch that were trained on; 0 from the second call on."""
        seen, self._batches_seen = self._batches_seen, 0
        return seen

    def save_checkpoint(
        self, out_dir: str, filename: str, file_client_args: Optional[dict] = None, save_optimizer: bool = True,
        save_param_scheduler: bool = True, meta: Optional[dict] = None, by_epoch: bool = True,
        backend_args: Optional[dict] = None,
    ) -> None:  # fmt: skip
        """Save a checkpoint in a local folder; every rank has to call this. The arguments are MMEngine's."""
        synchronize_buffers(self.bare_model)
        rng = all_gather_object(self._rng_before_val or get_rng_state())
        if not is_main_process():
            return
        done = {"epoch": self.epoch + by_epoch, "iter": self.iter + (not by_epoch), **(meta or {})}
        checkpoint = training_state(self, done, rng, save_optimizer, save_param_scheduler)
        self.call_hook("before_save_checkpoint", checkpoint=checkpoint)
        write_checkpoint(checkpoint, Path(out_dir) / filename)

    def load_checkpoint(
        self,
        filename: str,
        map_location: Union[str, Callable] = "cpu",
        strict: bool = False,
        revise_keys: Sequence[tuple[str, str]] = ((r"^module\.", ""),),
    ) -> dict[str, Any]:
        """Load weights from a file or URL, and return the whole checkpoint. The arguments are MMEngine's."""
        checkpoint = read_checkpoint(filename, map_location, trust=self.cfg.get("trust_checkpoint", False))
        self.call_hook("after_load_checkpoint", checkpoint=checkpoint)
        self._check_input(checkpoint.get("meta"), str(filename), bool(self._resume))
        strict, partial = strict or bool(self._resume), self.cfg.get("load_partial", False)
        evaluate = isinstance(self._test_loop, BaseLoop) and not isinstance(self._train_loop, BaseLoop)
        weights = checkpoint["state_dict"]
        match = load_weights(self.bare_model, weights, str(filename), strict, revise_keys, partial, evaluate)
        self._has_loaded = True
        self.trained_folds = trained_folds(checkpoint)
        self.logger.debug(match.table())
        self.logger.info(f"loaded {filename}: {match.brief()}")
        if match.reshaped:
            text = f"have another shape in {filename} and stay untrained: {', '.join(match.reshaped[:3])}"
            self.logger.warning(f"{len(match.reshaped)} tensors {text}")
        return checkpoint

    def _check_input(self, meta: Optional[dict[str, Any]], source: str, resume: bool = False) -> None:
        """Compare the input that weights were trained with with the config's; a training may adapt them to its data."""
        loops = {"test": self._test_loop, "val": self._val_loop}  # configs, where they do not run
        trains = isinstance(self._train_loop, BaseLoop) and not resume
        purposes = [name for name, loop in loops.items() if isinstance(loop, BaseLoop) and not trains]
        check_input(meta, input_record(self.cfg), source, purposes, resume, self.cfg.get("other_input", False))

    def _init_model_weights(self) -> None:
        """Initialize the weights; what files of ``Pretrained`` were trained on counts as the model's training."""
        super()._init_model_weights()
        for source, meta in pretrained_files(self.bare_model).items():
            self.trained_folds = [*self.trained_folds, *trained_folds({"meta": meta})]
            self._check_input(meta, source)

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: Union[str, Callable] = "default",
    ) -> None:
        """Resume a run from its checkpoint; the ``map_location`` ``'default'`` is the device of the model."""
        self._resume = True
        checkpoint = self.load_checkpoint(filename, get_device() if map_location == "default" else map_location)
        meta = checkpoint.get("meta", {})
        if "optimizer" not in checkpoint or "iter" not in meta or "message_hub" not in checkpoint:
            text = f"resume from an epoch_*.pth or iter_*.pth, or start with --cfg-options load_from={filename}"
            raise CheckpointError(f"checkpoint {filename} holds weights only, as best_*.pth do; {text}")
        self.train_loop._epoch, self.train_loop._iter = meta["epoch"], meta["iter"]
        if meta.get("seed") is not None and meta["seed"] != self.seed:
            self.logger.warning(f"the run keeps the seed it was started with, {meta['seed']}; {self.seed} is not used")
            self._randomness_cfg.update(seed=meta["seed"])
            self.set_randomness(**self._randomness_cfg)
            sampler = getattr(self.train_dataloader.batch_sampler, "sampler", self.train_dataloader.sampler)
            if hasattr(sampler, "seed"):
                sampler.seed = meta["seed"]
        self.message_hub.load_state_dict(checkpoint["message_hub"])
        if resume_optimizer:
            self.optim_wrapper = self.build_optim_wrapper(self.optim_wrapper)
            load_optimizer_state(self.optim_wrapper, checkpoint["optimizer"], str(filename), self.logger)
        if resume_param_scheduler and (self.param_schedulers or checkpoint.get("param_schedulers")):
            self.param_schedulers = self.build_param_scheduler(self.param_schedulers or [])
            states = checkpoint.get("param_schedulers")
            load_scheduler_states(self.param_schedulers, states, str(filename), self.logger)
        self._batches_seen, self._resumed_rng = resume_point(self, checkpoint)
        self.logger.info(f"resumed {filename} at epoch {self.epoch}, iteration {self.iter}")

    def load_or_resume(self) -> None:
        """Load weights or resume, as the config specifies; refuse a model of another fold of the test data."""
        if self._resume and self._load_from is None and not self._has_loaded:
            latest = find_latest_checkpoint(self.work_dir)
            if latest is None:
                stem = Path(self.cfg.filename or self.work_dir).stem
                runs = sorted(f.parent.name for f in Path(self.work_dir).parent.glob(f"{stem}*/last_checkpoint"))
                text = f"; runs of similar names are beside it: {', '.join(runs[:4])}" if runs else ""
                text = f"nothing to resume in {self.work_dir}: training starts from the beginning{text}"
                self.logger.warning(text)
                self._resume = False
            elif not Path(latest).exists():  # the work dir was moved
                latest = str(Path(self.work_dir) / Path(latest).name)
            self._load_from = latest
        super().load_or_resume()
        loops = (self._train_loop, self._val_loop, self._test_loop)  # configs, where they do not run
        training, *tested = (loop.dataloader.dataset if isinstance(loop, BaseLoop) else None for loop in loops)
        check_folds(self.trained_folds, tested, training)
        check_loops(self.bare_model, loops[0], loops[1:])
        fits = any(isinstance(hook, FitWhiteningHook) for hook in self.hooks)
        parts = [module for module in self.bare_model.modules() if isinstance(module, Whitening)]
        if isinstance(loops[0], BaseLoop) and not fits and not all(part.axes.any() for part in parts):
            raise ConfigError("a Whitening is never fitted; add dict(type='FitWhiteningHook') to custom_hooks")
        if isinstance(loops[0], BaseLoop) and isinstance(loops[1], BaseLoop):
            with self.training_rng_kept():
                rehearse(self.bare_model, loops[1])
        if self._config_is_due:  # now that nothing can be refused: a refused run leaves the config of the former one
            self._config_is_due = False
            self._write_config()


def _configs(schedulers: Any) -> list[dict[str, Any]]:
    """Configs of one scheduler, of several, or of those of each optimizer."""
    if isinstance(schedulers, dict) and "type" in schedulers:
        return [schedulers]
    parts = schedulers.values() if isinstance(schedulers, dict) else schedulers
    return [one for part in parts for one in _configs(part)] if isinstance(schedulers, (dict, list, tuple)) else []
