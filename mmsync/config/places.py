"""Which registry a place in a config calls for, and which keys the places without a ``type`` take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal, Union

from mmsync import registry as r

RUNNER_KEYS = {
    # arguments of mmengine.runner.Runner
    *("model", "work_dir", "train_dataloader", "val_dataloader", "test_dataloader", "train_cfg", "val_cfg", "test_cfg"),
    *("auto_scale_lr", "optim_wrapper", "param_scheduler", "val_evaluator", "test_evaluator", "default_hooks"),
    *("custom_hooks", "data_preprocessor", "load_from", "resume", "launcher", "env_cfg", "log_processor", "log_level"),
    *("visualizer", "default_scope", "randomness", "experiment_name"),
    # what the Runner and its tools read from the config besides
    *("runner_type", "strategy", "custom_imports", "model_wrapper_cfg", "sync_bn", "find_unused_parameters", "compile"),
    *(
        "vis_backends",
        "activation_checkpointing",
        "tta_model",
        "tta_pipeline",
        "trust_checkpoint",
        "other_input",
        "load_partial",
        "overwrite",
    ),
}
"""Top-level keys that mean something; every other one is a variable of the file."""

PLACES: list[tuple[str, r.Registry]] = [
    ("(.+_)?(model|method|encoder|preprocessor)|(norm|act|conv|padding|upsample)_cfg", r.MODELS),
    ("(.+_)?backbones?", r.BACKBONES),
    ("(.+_)?(pool|projector|predictor|neck|whitening)s?", r.NECKS),
    ("(.+_)?(head|classifier)s?", r.HEADS),
    ("(.+_)?(loss|losses|criterion)|loss_.+", r.LOSSES),
    ("(.+_)?(dataset|source)s?", r.DATASETS),
    ("(.+_)?sampler", r.DATA_SAMPLERS),
    ("(.+_)?(pipeline|transform|augment|augmentation|view|frontend)s?|common", r.TRANSFORMS),
    ("collate_fn|worker_init_fn", r.FUNCTIONS),
    ("optim_wrapper", r.OPTIM_WRAPPERS),
    ("(.+_)?optimizer", r.OPTIMIZERS),
    ("(.+_)?schedulers?", r.PARAM_SCHEDULERS),
    ("(.+_)?hooks?", r.HOOKS),
    ("(.+_)?probes?", r.PROBES),
    ("evaluator|(.+_)?metrics?", r.METRICS),
    ("(train|val|test)_evaluator", r.METRICS),
    ("(train|val|test)_cfg", r.LOOPS),
    ("(.+_)?visualizer", r.VISUALIZERS),
    ("vis_backends?", r.VISBACKENDS),
    ("log_processor", r.LOG_PROCESSORS),
    ("model_wrapper(_cfg)?", r.MODEL_WRAPPERS),
    ("init_cfg", r.WEIGHT_INITIALIZERS),
    ("strategy", r.STRATEGIES),
]


@cache
def registry_of(keys: tuple[str, ...]) -> r.Registry | None:
    """The registry that a place calls for; the key nearest to the place decides, list positions do not count."""
    found = (registry for key in reversed(keys) for pattern, registry in PLACES if re.fullmatch(pattern, key))
    return next(found, None)


PROVIDED: dict[str, tuple[str, ...]] = {
    r.OPTIMIZERS.name: ("params",),
    r.PARAM_SCHEDULERS.name: ("optimizer", "param_name", "epoch_length"),
    r.LOOPS.name: ("runner", "dataloader", "evaluator"),
    r.DATA_SAMPLERS.name: ("dataset",),
    r.MODEL_WRAPPERS.name: ("module", "device_ids"),
    r.OPTIM_WRAPPER_CONSTRUCTORS.name: ("optim_wrapper_cfg", "paramwise_cfg"),
    r.FUNCTIONS.name: ("samples", "data_batch", "batch", "worker_id", "num_workers", "rank", "seed"),
}
"""Arguments that the caller fills in, by registry: neither required in a config nor allowed there."""

EXTRA: dict[str, dict[str, Any]] = {
    r.HOOKS.name: {"priority": Union[int, str]},
    r.PARAM_SCHEDULERS.name: {"convert_to_iter_based": bool},
    r.OPTIM_WRAPPERS.name: {"constructor": None, "paramwise_cfg": dict},
    r.WEIGHT_INITIALIZERS.name: {"layer": Union[str, Sequence[str]], "override": Union[dict, Sequence[dict]]},
}
"""Keys that MMEngine takes out before it calls the class, with their types, by registry."""

SYNONYMS = {
    **dict.fromkeys(("tau", "temp", "T"), "temperature"),
    **dict(learning_rate="lr", wd="weight_decay", bs="batch_size", epochs="max_epochs", ema="momentum"),
}
"""Other names of arguments in papers and projects -> their one name here; they are suggestions, not accepted."""

FILLED = {r.DATA_SAMPLERS.name: ("sampler", "batch_size"), r.VISBACKENDS.name: ("save_dir",)}
"""Arguments that the caller fills in if the config does not give them, by registry."""

NO_SPONGE = {"CheckpointHook"}  # classes of MMEngine whose ``**kwargs`` serve no purpose that a config could have

FILE_ARGUMENTS = re.compile(r"(.+_)?(root|file|path|npz)")
"""Names of string arguments of data sets that must exist on disk."""

DATALOADER_EXTRA = {"num_batch_per_epoch": int, "disable_subprocess_warning": bool}
"""Keys that MMEngine takes out of a data loader's dict, with their types."""

JOINT_ARGUMENTS = ("joint", "origin_joint", "left", "right", "line")
"""Names of arguments of transforms that name joints."""

TYPED: dict[str, str | None] = {
    **dict.fromkeys(("model", "strategy")),
    **{"data_preprocessor": "BaseDataPreprocessor", "model_wrapper_cfg": "MMDistributedDataParallel"},
    **{"visualizer": "Visualizer", "log_processor": "LogProcessor", "val_cfg": "ValLoop", "test_cfg": "TestLoop"},
}
"""Top-level keys of a component -> what is built without a ``type``."""

LISTED = ("param_scheduler", "custom_hooks", "vis_backends", "val_evaluator", "test_evaluator")
"""Top-level keys of one or several components."""

SCHEMAS: dict[str, Any] = {
    "env_cfg": {
        "cudnn_benchmark": bool,
        "mp_cfg": {"mp_start_method": Literal["fork", "spawn", "forkserver"], "opencv_num_threads": int},
        "dist_cfg": {
            "backend": Literal["nccl", "gloo", "mpi", "ucc", "hccl", "mccl"],
            **dict.fromkeys(("init_backend", "timeout", "init_method", "world_size", "rank", "port")),
        },
        "resource_limit": int,
    },
    "randomness": {"seed": int, "diff_rank_seed": bool, "deterministic": bool},
    "auto_scale_lr": {"enable": bool, "base_batch_size": int},
    "custom_imports": ["imports", "allow_failed_imports"],
    "paramwise_cfg": {
        **dict.fromkeys(("bias_lr_mult", "bias_decay_mult", "norm_decay_mult", "flat_decay_mult"), float),
        **dict.fromkeys(("dwconv_decay_mult", "dcn_offset_lr_mult", "layer_decay_rate"), float),
        "bypass_duplicate": bool,
        "custom_keys": {"*": {"lr_mult": float, "decay_mult": float}},
    },
}
"""Rules (see ``config_schema`` in docs/design/0003-config-check.md) for the dicts of MMEngine that have no ``type``."""

PLAIN: dict[str, Any] = {
    **dict.fromkeys(("work_dir", "experiment_name", "load_from", "default_scope"), str),
    **dict.fromkeys(("resume", "trust_checkpoint"), bool),
    "compile": Union[bool, dict],
}
"""Types of plain top-level keys."""

VALUES: dict[str, tuple[Any, ...]] = {
    "launcher": ("none", "pytorch", "slurm", "mpi"),
    "log_level": ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    "sync_bn": (None, "torch", "mmcv"),
    **dict.fromkeys(
        ("find_unused_parameters", "trust_checkpoint", "other_input", "load_partial", "overwrite"), (True, False)
    ),
}
"""Allowed values of plain top-level keys."""
