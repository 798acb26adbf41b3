"""The Runner of mmsync: MMEngine's, made to resume exactly, to write safely and to speak plainly."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional, Union

import mmengine
import torch
from mmengine.device import get_device
from mmengine.dist import all_gather_object, is_distributed, is_main_process
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop, Runner
from mmengine.runner.checkpoint import find_latest_checkpoint, weights_to_cpu
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from mmsync import compat
from mmsync.engine.allocator import keep_freed_memory
from mmsync.engine.checkpoint import load_weights, read_checkpoint, write_checkpoint
from mmsync.engine.console import tame_console
from mmsync.engine.folds import check_folds, folds_of, trained_folds
from mmsync.engine.randomness import get_rng_state, set_rng_state
from mmsync.errors import CheckpointError, ConfigError
from mmsync.models.modules import convert_sync_batchnorm
from mmsync.registry import RUNNERS
from mmsync.version import __version__


@RUNNERS.register_module()
class MotionRunner(Runner):
    """Trains, validates and tests what a config describes.

    Beyond MMEngine's Runner: a checkpoint is written whole or not at all, loads with ``weights_only=True`` and holds
    the states of every rank's random generators, so that a resumed run repeats the uninterrupted one bit for bit, also
    from the middle of an epoch (on the same number of processes); weights of another model are refused; several
    processes run on the CPU as well; a model is not tested on a fold whose test clips it was trained on; the console
    shows short lines.

    The arguments are MMEngine's, see :class:`mmengine.runner.Runner`. Of the config it also reads
    ``trust_checkpoint`` (False): let checkpoints run code while they load.
    """

    _resumed_rng: Optional[list[dict[str, Any]]] = None  # of each rank, until the first batch
    _rng_before_val: Optional[dict[str, Any]] = None
    _batches_seen = 0
    _folds: Sequence[str] = ()  # that the loaded weights were trained on
    _timestamps: set[str] = set()

    # ---------------------------------------------------------------------------------------------- environment

    def setup_env(self, env_cfg: dict[str, Any]) -> None:
        """Set the environment up, with gloo where there is no CUDA."""
        if self.distributed and not is_distributed() and not torch.cuda.is_available():
            compat.init_cpu_group(self._launcher, env_cfg.get("dist_cfg", {}).get("timeout"))
        super().setup_env(env_cfg)
        if not torch.cuda.is_available():
            keep_freed_memory()
        # MMEngine names the log and the shared state by the second: two runs of one process would get the same ones
        while self._timestamp in MotionRunner._timestamps:
            self._timestamp += "x"
        MotionRunner._timestamps.add(self._timestamp)

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
        """Build a logger whose console is brief and whose file is complete."""
        logger = super().build_logger(log_level, log_file, **kwargs)
        tame_console(logger)
        return logger

    def register_default_hooks(self, hooks: Optional[dict[str, Any]] = None) -> None:
        """Register the default hooks; one of ours that is None is left out, as one of MMEngine's is."""
        missing = {"progress", "collapse", "summary"}
        hooks = {name: hook for name, hook in (hooks or {}).items() if not (hook is None and name in missing)}
        super().register_default_hooks(hooks)

    def dump_config(self) -> None:
        """Leave it to :meth:`train`: a test must not replace the config of what was trained in its work dir."""

    def train(self) -> nn.Module:
        """Train, after writing the config to the work dir."""
        super().dump_config()
        return super().train()

    @property
    def bare_model(self) -> nn.Module:
        """The model without the wrapper for several processes."""
        return self.model.module if is_model_wrapper(self.model) else self.model

    # ---------------------------------------------------------------------------------------------- loops and data

    def build_train_loop(self, loop: Union[BaseLoop, dict]) -> BaseLoop:
        """Build the training loop; ``by_epoch`` chooses it unless ``type`` does."""
        if isinstance(loop, dict) and "type" not in loop:
            loop = dict(loop)
            by_epoch = loop.pop("by_epoch", "max_epochs" in loop)
            loop["type"] = "mmsync.EpochBasedTrainLoop" if by_epoch else "mmsync.IterBasedTrainLoop"
        return super().build_train_loop(loop)

    def build_val_loop(self, loop: Union[BaseLoop, dict]) -> BaseLoop:
        """Build the validation loop."""
        if isinstance(loop, dict):
            loop = {"type": "mmsync.ValLoop", **loop}
        return super().build_val_loop(loop)

    @staticmethod
    def build_dataloader(
        dataloader: Union[DataLoader, dict], seed: Optional[int] = None, diff_rank_seed: bool = False
    ) -> DataLoader:
        """Build a data loader; without ``collate_fn`` the data set's own ``collate`` is taken, if it has one.

        Raises:
            ConfigError: It would give no batch at all.
        """
        loader = Runner.build_dataloader(dataloader, seed, diff_rank_seed)
        if loader is not dataloader and loader.generator is None:
            # worker seeds come from here: an iterator that is opened must not advance the generator of the model
            loader.generator = torch.Generator().manual_seed(seed or 0)
        if loader is not dataloader and "collate_fn" not in dataloader and hasattr(loader.dataset, "collate"):
            loader.collate_fn = loader.dataset.collate  # the data set knows how its samples become a batch
        if not isinstance(loader.dataset, IterableDataset) and len(loader) == 0:
            size, batch = len(loader.sampler or loader.dataset), getattr(loader.batch_sampler, "batch_size", "?")
            raise ConfigError(
                f"batch_size={batch} is larger than the {size} samples that this process sees in an epoch, and "
                f"drop_last=True leaves no batch: lower batch_size to at most {size}, or set drop_last=False"
                if size
                else f"the data set of type {type(loader.dataset).__name__} is empty: check its split and data root"
            )
        return loader

    def bound_history(self) -> None:
        """Forget logged values that are older than an epoch, and than 2,048 iterations."""
        compat.bound_history(self.message_hub, max(2048, len(self.train_dataloader)))

    # ---------------------------------------------------------------------------------------------- optimiser

    def build_optim_wrapper(self, optim_wrapper: Union[OptimWrapper, dict]) -> OptimWrapper:
        """Build the optimiser's wrapper.

        Raises:
            ConfigError: It is MMEngine's ``AmpOptimWrapper``, and there is no GPU.
        """
        if isinstance(optim_wrapper, dict) and optim_wrapper.get("type") == "AmpOptimWrapper" and get_device() == "cpu":
            raise ConfigError(
                "optim_wrapper.type: AmpOptimWrapper needs a GPU, and none was found; AutocastOptimWrapper works on "
                "any device"
            )
        return super().build_optim_wrapper(optim_wrapper)

    def scale_lr(self, optim_wrapper: OptimWrapper, auto_scale_lr: Optional[dict] = None) -> None:
        """Scale the learning rate by the global batch / ``base_batch_size``, and with it the rates of schedulers.

        MMEngine scales the optimiser's rate only, which a scheduler with a rate of its own (``OneCycleLR.eta_max``)
        would overwrite.
        """
        super().scale_lr(optim_wrapper, auto_scale_lr)
        if not (auto_scale_lr or {}).get("enable", False):
            return
        loader = self._train_dataloader
        batch_size = loader["batch_size"] if isinstance(loader, dict) else loader.batch_size
        ratio = batch_size * self.world_size / auto_scale_lr["base_batch_size"]
        self.param_schedulers = copy.deepcopy(self.param_schedulers)  # the config keeps what was written
        one = isinstance(self.param_schedulers, dict)
        for scheduler in [self.param_schedulers] if one else self.param_schedulers or []:
            for key in {"eta_max", "eta_min"} & set(scheduler) if str(scheduler.get("type")).endswith("LR") else ():
                scheduler[key] *= ratio

    # ---------------------------------------------------------------------------------------------- randomness

    @contextmanager
    def training_rng_kept(self) -> Iterator[None]:
        """Leave the random generators as they were before the block."""
        self._rng_before_val = get_rng_state()
        try:
            yield
        finally:
            set_rng_state(self._rng_before_val)
            self._rng_before_val = None

    def restore_rng(self) -> None:
        """Take the generators' states from the resumed checkpoint; the first time only."""
        states, self._resumed_rng = self._resumed_rng, None
        if states is not None:
            set_rng_state(states[self.rank])

    def pop_batches_seen(self) -> int:
        """Batches of the interrupted epoch that the resumed run was trained on; the first time only."""
        seen, self._batches_seen = self._batches_seen, 0
        return seen

    # ---------------------------------------------------------------------------------------------- checkpoints

    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        file_client_args: Optional[dict] = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        meta: Optional[dict] = None,
        by_epoch: bool = True,
        backend_args: Optional[dict] = None,
    ) -> None:
        """Save a checkpoint. Every rank has to call this, because each has a random state of its own.

        Args:
            out_dir: Local folder.
            filename: Name of the file.
            file_client_args: Not used; only local files are written atomically.
            save_optimizer: Keep the optimiser's state; without it the file is for evaluation, not for resuming.
            save_param_scheduler: Keep the schedulers' states.
            meta: ``epoch`` and ``iter`` that are done.
            by_epoch: Tells, if ``meta`` does not, whether the epoch or the iteration is just done.
            backend_args: Not used.
        """
        done = {"epoch": self.epoch + by_epoch, "iter": self.iter + (not by_epoch), **(meta or {})}
        rng = all_gather_object(self._rng_before_val or get_rng_state())
        if not is_main_process():
            return
        loader = self.train_dataloader
        batch_size = getattr(loader.batch_sampler, "batch_size", 1)
        done.update(
            batches_seen=done["iter"] - done["epoch"] * len(loader),
            global_batch=batch_size * self.world_size,
            cfg=self.message_hub.get_info("cfg", "") or self.cfg.pretty_text,
            seed=self.seed,
            experiment_name=self.experiment_name,
            time=time.strftime("%Y%m%d_%H%M%S"),
            mmengine_version=mmengine.__version__,
            mmsync_version=__version__,
        )
        done["folds"] = list(dict.fromkeys([*self._folds, *folds_of(loader.dataset)]))
        if hasattr(loader.dataset, "metainfo"):
            done["dataset_meta"] = loader.dataset.metainfo
        checkpoint = {
            "meta": done,
            "state_dict": weights_to_cpu(self.bare_model.state_dict()),
            "message_hub": self.message_hub.state_dict(),
            "rng": rng,
        }
        if save_optimizer:
            checkpoint["optimizer"] = self.optim_wrapper.state_dict()
        if save_param_scheduler and self.param_schedulers is not None:
            checkpoint["param_schedulers"] = (
                {name: [s.state_dict() for s in group] for name, group in self.param_schedulers.items()}
                if isinstance(self.param_schedulers, dict)
                else [s.state_dict() for s in self.param_schedulers]
            )
        self.call_hook("before_save_checkpoint", checkpoint=checkpoint)
        write_checkpoint(checkpoint, Path(out_dir) / filename)

    def load_checkpoint(
        self,
        filename: str,
        map_location: Union[str, Callable] = "cpu",
        strict: bool = False,
        revise_keys: Sequence[tuple[str, str]] = ((r"^module\.", ""),),
    ) -> dict[str, Any]:
        """Load weights.

        Args:
            filename: A file or an ``http(s)://`` address.
            map_location: As for ``torch.load``.
            strict: Refuse any difference; a resume always does.
            revise_keys: Regular expressions and replacements for the keys.

        Returns:
            The whole checkpoint.

        Raises:
            CheckpointError: The file is damaged, unsafe, or of another model.
        """
        checkpoint = read_checkpoint(filename, map_location, trust=self.cfg.get("trust_checkpoint", False))
        self.call_hook("after_load_checkpoint", checkpoint=checkpoint)
        match = load_weights(
            self.bare_model, checkpoint["state_dict"], str(filename), strict or bool(self._resume), revise_keys
        )
        self._has_loaded = True
        self._folds = trained_folds(checkpoint)
        self.logger.debug(match.table())
        self.logger.info(f"loaded {filename}: {match.brief()}")
        if match.reshaped:
            self.logger.warning(
                f"{len(match.reshaped)} tensors have another shape in {filename} and stay as they were made, so what "
                f"depends on them is not trained: {', '.join(match.reshaped[:3])}"
            )
        return checkpoint

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: Union[str, Callable] = "default",
    ) -> None:
        """Continue a run from its checkpoint.

        Args:
            filename: The checkpoint.
            resume_optimizer: Take the optimiser's state over.
            resume_param_scheduler: Take the schedulers' states over.
            map_location: ``'default'`` is the device of the model.
        """
        self._resume = True
        checkpoint = self.load_checkpoint(filename, get_device() if map_location == "default" else map_location)
        meta = checkpoint.get("meta", {})
        if "optimizer" not in checkpoint or "iter" not in meta or "message_hub" not in checkpoint:
            raise CheckpointError(
                f"checkpoint {filename} holds weights only, so training cannot continue from it (best_*.pth are such "
                "files). Resume from an epoch_*.pth or iter_*.pth, or start a new run with "
                f"--cfg-options load_from={filename}"
            )
        self.train_loop._epoch, self.train_loop._iter = meta["epoch"], meta["iter"]
        if meta.get("seed") is not None and meta["seed"] != self.seed:
            self.logger.warning(f"the run was started with seed {meta['seed']}; it goes on with that, not {self.seed}")
            self._randomness_cfg.update(seed=meta["seed"])
            self.set_randomness(**self._randomness_cfg)
            self._reseed_sampler(meta["seed"])
        self.message_hub.load_state_dict(checkpoint["message_hub"])
        if resume_optimizer:
            self.optim_wrapper = self.build_optim_wrapper(self.optim_wrapper)
            self.optim_wrapper.load_state_dict(checkpoint["optimizer"])
        if resume_param_scheduler and self.param_schedulers is not None and "param_schedulers" in checkpoint:
            self.param_schedulers = self.build_param_scheduler(self.param_schedulers)
            self._resume_schedulers(self.param_schedulers, checkpoint["param_schedulers"])
        self._resume_place(meta, checkpoint.get("rng"))
        self.logger.info(f"resumed {filename} at epoch {self.epoch}, iteration {self.iter}")

    def _reseed_sampler(self, seed: int) -> None:
        sampler = getattr(self.train_dataloader.batch_sampler, "sampler", self.train_dataloader.sampler)
        if hasattr(sampler, "seed"):
            sampler.seed = seed

    def _resume_schedulers(self, schedulers: Union[list, dict], states: Union[list, dict]) -> None:
        if isinstance(schedulers, dict):
            for name, group in schedulers.items():
                self._resume_schedulers(group, states[name])
            return
        for scheduler, state in zip(schedulers, states):
            if getattr(scheduler, "end", None) != state.get("end"):
                self.logger.warning(
                    f"{type(scheduler).__name__} ends at {scheduler.end} in the config but at {state.get('end')} in "
                    "the checkpoint; the checkpoint's schedule goes on"
                )
            scheduler.load_state_dict(state)

    def _resume_place(self, meta: dict[str, Any], rng: Optional[list[dict[str, Any]]]) -> None:
        """Find the place in the epoch, and the random states to go on with."""
        global_batch = getattr(self.train_dataloader.batch_sampler, "batch_size", 1) * self.world_size
        self._batches_seen = meta.get("batches_seen", 0)
        if meta.get("global_batch", global_batch) != global_batch:
            self._batches_seen = self._batches_seen * meta["global_batch"] // global_batch
            self.logger.warning(
                f"the run had a global batch of {meta['global_batch']}, now it is {global_batch}: the resumed run "
                "continues, but does not repeat the uninterrupted one"
            )
        if rng is None or len(rng) != self.world_size:
            self.logger.warning(
                f"the checkpoint has the random states of {len(rng or ())} processes, this run has {self.world_size}: "
                "the resumed run does not repeat the uninterrupted one bit for bit"
            )
        else:
            self._resumed_rng = rng

    def load_or_resume(self) -> None:
        """Load weights or resume, as the config says.

        Raises:
            ProtocolError: The data to be tested on are another fold of what the model was trained on.
        """
        if self._resume and self._load_from is None and not self._has_loaded:
            latest = find_latest_checkpoint(self.work_dir)
            if latest is None:
                self.logger.warning(f"nothing to resume in {self.work_dir}: training starts from the beginning")
                self._resume = False
            elif not Path(latest).exists():  # the work dir was moved
                latest = str(Path(self.work_dir) / Path(latest).name)
            self._load_from = latest
        super().load_or_resume()
        loops = (self._train_loop, self._val_loop, self._test_loop)  # configs, where they do not run
        training, *tested = (loop.dataloader.dataset if isinstance(loop, BaseLoop) else None for loop in loops)
        check_folds(self._folds, tested, training)
