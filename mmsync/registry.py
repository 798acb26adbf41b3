"""The registries of mmsync, one scope ``mmsync``."""

from __future__ import annotations

from mmengine import registry as root
from mmengine.registry import Registry

DATASETS = Registry("dataset", parent=root.DATASETS, scope="mmsync", locations=["mmsync.datasets"])
TRANSFORMS = Registry("transform", parent=root.TRANSFORMS, scope="mmsync", locations=["mmsync.datasets.transforms"])
DATA_SAMPLERS = Registry("data sampler", parent=root.DATA_SAMPLERS, scope="mmsync", locations=["mmsync.datasets.samplers"])
FUNCTIONS = Registry("function", parent=root.FUNCTIONS, scope="mmsync", locations=["mmsync.datasets"])
MODELS = Registry("model", parent=root.MODELS, scope="mmsync", locations=["mmsync.models"])
BACKBONES = Registry("backbone", scope="mmsync", locations=["mmsync.models.backbones"])
NECKS = Registry("neck", scope="mmsync", locations=["mmsync.models.necks"])
HEADS = Registry("head", scope="mmsync", locations=["mmsync.models.heads"])
LOSSES = Registry("loss", scope="mmsync", locations=["mmsync.models.losses"])
HOOKS = Registry("hook", parent=root.HOOKS, scope="mmsync", locations=["mmsync.engine.hooks"])
METRICS = Registry("metric", parent=root.METRICS, scope="mmsync", locations=["mmsync.evaluation.metrics"])
RUNNERS = Registry("runner", parent=root.RUNNERS, scope="mmsync", locations=["mmsync.engine.runner"])
OPTIMIZERS = Registry("optimizer", parent=root.OPTIMIZERS, scope="mmsync", locations=["mmsync.engine.optimizers"])
OPTIM_WRAPPERS = Registry("optim_wrapper", parent=root.OPTIM_WRAPPERS, scope="mmsync", locations=["mmsync.engine.optimizers"])
PARAM_SCHEDULERS = Registry("parameter scheduler", parent=root.PARAM_SCHEDULERS, scope="mmsync", locations=["mmsync.engine.schedulers"])
VISUALIZERS = Registry("visualizer", parent=root.VISUALIZERS, scope="mmsync", locations=["mmsync.visualization"])
