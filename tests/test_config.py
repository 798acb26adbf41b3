"""Proves that a config's mistakes are told before anything is built: all at once, each with its path and a way out."""

from __future__ import annotations

import contextlib
import re
import runpy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Optional, Union

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel, BaseModule, NormalInit
from torch.utils.data import DataLoader, Dataset

from mmsync import registry as r
from mmsync.config import Range, check, load, run_name
from mmsync.config.fit import contradictions
from mmsync.config.signature import annotations_of, mismatch
from mmsync.config.trial import trial_problems
from mmsync.errors import ConfigError, edit_distance, nearest
from mmsync.store.skeletons import StoreWriter
from tools.misc import config_slips

ROOT = Path(__file__).parents[1]


@r.DATASETS.register_module(force=True)
class ToySource:
    """Clips ``(M, T, V, C)``."""

    class_names = tuple("abcdefghij")

    def __init__(self, data_root: str, layout: str = "ntu25", num_coords: int = 3, split: str = "train") -> None:
        pass


@r.DATASETS.register_module(force=True)
class ToyDataset(Dataset):
    """Samples of a source."""

    config_schema = {"roles": ("bank", "query")}

    def __init__(
        self,
        source: dict,
        pipeline: list = (),
        roles: Optional[dict] = None,
        layout: Optional[str] = None,
    ) -> None:
        pass


@r.TRANSFORMS.register_module(force=True)
class ToyCrop:
    """Crops ``(N, M, T, V, C)``."""

    def __init__(self, prob: float = 1.0, length: int = 50) -> None:
        pass


@r.BACKBONES.register_module(force=True)
class ToyGraphNet(BaseModule):
    """``(N, M, T, V, C)`` to ``(N, M, D, T', V')``."""

    modality = "skeleton"

    def __init__(self, in_channels: int = 3, layout: str = "ntu25", width: int = 16, init_cfg: Optional[dict] = None):
        super().__init__(init_cfg)


@r.NECKS.register_module(force=True)
class ToyPool(BaseModule):
    """``(N, M, D, T', V')`` to ``(N, D)``."""

    def __init__(self, persons: Literal["mean", "valid_mean"] = "mean") -> None:
        super().__init__()


@r.HEADS.register_module(force=True)
class ToyHead(BaseModule):
    """``(N, D)`` to ``(N, num_classes)``."""

    def __init__(self, num_classes: int, drop: float = 0.0) -> None:
        super().__init__()


@r.MODELS.register_module(force=True)
class ToyPreprocessor(BaseModule):
    """``(N, M, T, V, C)`` to views."""

    def __init__(self, layout: str, stream: str = "joint", num_coords: int = 3, views: Optional[dict] = None) -> None:
        super().__init__()


@r.MODELS.register_module(force=True)
class ToyMethod(BaseModel):
    """Views ``(N, M, T, V, C)`` to a loss."""

    views_needed = ("query", "key")
    config_schema = {"compat": {"key_init": ("copy", "random"), "eadm_scope": ("batch", "sample")}}

    def __init__(
        self,
        backbone: dict,
        pool: Optional[dict] = None,
        head: Optional[dict] = None,
        queue_size: int = 1024,
        temperature: float = 0.1,
        compat: Optional[dict] = None,
        data_preprocessor: Optional[dict] = None,
        init_cfg: Optional[dict] = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)

    @classmethod
    def check_config(cls, cfg: dict, path: str) -> list[str]:
        if cfg.get("queue_size", 1024) % 2:
            return [f"{path}.queue_size: {cfg['queue_size']} is odd; the queue needs an even size"]
        return []


@r.MODELS.register_module(force=True)
class ToyMasked(BaseModel):
    """Views ``(N, M, T, V, C)`` to a loss on hidden tokens."""

    views_needed = ("video", "audio")
    needs_tokens = True

    def __init__(self, encoder: dict, data_preprocessor: Optional[dict] = None) -> None:
        super().__init__(data_preprocessor)


@r.METRICS.register_module(force=True)
class ToyProbe(BaseMetric):
    """Accuracy in percent of features ``(N, D)``."""

    def __init__(self, k: int = 20, temperature: float = 0.1) -> None:
        super().__init__()

    def process(self, data_batch, data_samples) -> None:
        """Does nothing."""

    def compute_metrics(self, results: list) -> dict:
        """Nothing."""
        return {}


@r.HOOKS.register_module(force=True)
class ToyHook(Hook):
    """Does nothing."""

    def __init__(self, interval: int = 1, stages: Sequence[int] = ()) -> None:
        pass


BASE = """
default_scope = 'mmsync'
data_root = 'data/toy'
layout = 'ntu25'
source = dict(type='ToySource', data_root=data_root, layout=layout)
train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    drop_last=True,
    dataset=dict(type='ToyDataset', source=source, pipeline=[dict(type='ToyCrop', length=50)]),
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
)
val_dataloader = dict(
    batch_size=8,
    dataset=dict(type='ToyDataset', source=source, roles=dict(bank='train', query='test')),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
val_cfg = dict(fp16=False)
val_evaluator = [dict(type='ToyProbe', k=10)]
train_cfg = dict(by_epoch=True, max_epochs=20, val_interval=5)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True),
    clip_grad=dict(max_norm=1.0),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=True, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=18, begin=2, end=20),
]
auto_scale_lr = dict(enable=False, base_batch_size=8)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', interval=1, save_best='knn/top1', rule='greater'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)
custom_hooks = [dict(type='EMAHook', momentum=0.001, priority='NORMAL'), dict(type='ToyHook', interval=2)]
env_cfg = dict(cudnn_benchmark=False, mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
               dist_cfg=dict(backend='nccl'))
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='Visualizer', vis_backends=vis_backends)
log_processor = dict(window_size=10, by_epoch=True)
log_level = 'INFO'
randomness = dict(seed=0, deterministic=False)
model = dict(
    type='ToyMethod',
    data_preprocessor=dict(
        type='ToyPreprocessor', layout=layout, stream='joint',
        views=dict(query=[dict(type='ToyCrop', prob=0.5)], key=[dict(type='ToyCrop', prob=0.5)]),
    ),
    backbone=dict(type='ToyGraphNet', in_channels=3, layout=layout, width=16),
    pool=dict(type='ToyPool', persons='valid_mean'),
    head=dict(type='ToyHead', num_classes=10),
    queue_size=64,
    compat=dict(key_init='copy', eadm_scope='sample'),
)
"""


@pytest.fixture
def write(tmp_path):
    """Writes config files, ``base.py`` among them; returns the path of the last."""
    (tmp_path / "base.py").write_text(BASE)

    def write_file(text: str = "_base_ = 'base.py'\n", name: str = "child.py") -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write_file


def problems(path: Path, cfg_options: Optional[dict] = None, files: bool = False) -> list[str]:
    """What is wrong with a config file, be it found while reading or after."""
    try:
        check(load(path, cfg_options), files)
    except ConfigError as error:
        return list(error.problems) or ["an error without problems"]
    return []


def child(write, text: str, **kwargs) -> list[str]:
    return problems(write("_base_ = 'base.py'\n" + text), **kwargs)


def test_a_correct_config_passes_and_equals_what_mmengine_reads(write):
    path = write("_base_ = 'base.py'\nmodel = dict(pool=dict(persons='mean'))\n")
    assert problems(path) == []
    assert load(path, complete=False).to_dict() == Config.fromfile(path).to_dict()


def test_95_percent_of_single_letter_slips_are_told_with_the_right_name(write):
    cfg = load(write())
    check(cfg)
    made, missed = config_slips.letter_slips(cfg)
    print(f"{made - len(missed)} of {made} slips told; missed: {missed}")
    assert made > 600
    assert len(missed) <= 0.05 * made, missed
    check(cfg)  # the slips were taken back


def test_no_odd_value_breaks_the_check(write):
    """Whatever stands at a place, the answer is a list of problems (or none), never another exception."""
    cfg = load(write())
    for _, owner, key in list(config_slips.named_places(cfg._cfg_dict)):
        value = owner[key]
        for odd in (None, 3, "x", [1], {}, [{"a": 1}], {"type": 3}, {1: 2}, True, [[]], {"type": None}):
            owner[key] = odd
            with contextlib.suppress(ConfigError):
                check(cfg)
        owner[key] = value
    check(cfg)


def test_all_problems_come_at_once_with_their_paths(write):
    text = (
        "model = dict(backbon=dict(), queue_size=63, pool=dict(persons='man'))\noptim_wrapper = dict(clipgrad=None)\n"
    )
    found = child(write, text)
    assert "model.backbon: ToyMethod takes no 'backbon'; did you mean 'backbone'?" in found
    assert "model.queue_size: 63 is odd; the queue needs an even size" in found
    assert "model.pool.persons: is 'man', must be 'mean' or 'valid_mean'; did you mean 'mean'?" in found
    assert "optim_wrapper.clipgrad: OptimWrapper takes no 'clipgrad'; did you mean 'clip_grad'?" in found
    assert len(found) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "model = dict(backbone=dict(type='ToyGrphNet'))",
            "model.backbone.type: 'ToyGrphNet' is not a registered backbone",
        ),
        ("model = dict(head=dict(_delete_=True, type='ToyHead'))", "model.head: ToyHead needs 'num_classes'"),
        ("model = dict(compat=dict(key_init='cpy'))", "model.compat.key_init: is 'cpy', must be one of"),
        ("model = dict(queue_size='many')", "model.queue_size: is 'many', must be int"),
        ("model = dict(data_preprocessor=dict(stream='bon'))", "did you mean 'bone'?"),
        ("model = dict(data_preprocessor=dict(views=dict(extrem=[])))", "does not use this view"),
        ("model = dict(backbone=dict(in_channels=6))", "model.backbone.in_channels: is 6, but stream 'joint'"),
        ("model = dict(backbone=dict(layout='coco17'))", "they must be the same"),
        ("model = dict(backbone=dict(layout='ntu52'))", "did you mean 'ntu25'?"),
        ("model = dict(head=dict(num_classes=7))", "has 10 classes"),
        (
            "train_dataloader = dict(num_workers=0)",
            "train_dataloader.persistent_workers: is True, but num_workers is 0",
        ),
        ("val_evaluator = None", "val_evaluator: is missing; validation needs"),
        ("val_dataloader = dict(dataset=dict(roles=dict(quer='x')))", "did you mean 'query'?"),
        ("default_hooks = dict(chekpoint=dict(type='CheckpointHook'))", "did you mean 'checkpoint'?"),
        ("custom_hooks = [dict(type='EMAHook', momentun=0.1)]", "custom_hooks.0.momentun: EMAHook takes no"),
        ("custom_hooks = [dict(type='OptimWraper')]", "custom_hooks.0.type: 'OptimWraper' is not a registered hook"),
        ("optim_wrapper = dict(optimizer=dict(params=3))", "optim_wrapper.optimizer.params: SGD takes no 'params'"),
        ("param_scheduler = dict(_delete_=True, type='StepLR')", "param_scheduler: StepLR needs 'step_size'"),
        ("train_cfg = dict(by_epoch=False)", "IterBasedTrainLoop needs 'max_iters'"),
        ("randomness = dict(sed=1)", "randomness.sed: randomness takes no 'sed'; did you mean 'seed'?"),
        ("trian_cfg = dict()", "did you mean 'train_cfg'?"),
        ("default_scope = 'mmsinc'", "did you mean 'mmsync'?"),
        ("optim_wrapper = dict(optimizer=dict(lr='1e-3'))", "optim_wrapper.optimizer.lr: is '1e-3', must be float"),
        ("custom_hooks = [dict(type='ToyHook', stages='1,2')]", "custom_hooks.0.stages: is '1,2', must be a list"),
        ("train_dataloader = dict(batch_size='8')", "train_dataloader.batch_size: is '8', must be int"),
        (
            "train_dataloader = dict(dataset=dict(pipeline=['ToyCrop']))",
            "train_dataloader.dataset.pipeline.0: is the string 'ToyCrop'; write dict(type='ToyCrop')",
        ),
        ("model = dict(backbone=None)", "model.backbone: is None, must be a dict with a `type`"),
    ],
)
def test_bad_input_is_told_with_the_way_out(write, text, expected):
    found = child(write, text)
    assert any(expected in problem for problem in found), found


def masked(backbone: str, **parts: dict) -> list[str]:
    model = dict(type="ToyMasked", encoder=dict(type="Encoder", backbone=dict(type=backbone)))
    model["data_preprocessor"] = dict(type="ComposedPreprocessor", parts=parts)
    try:
        check(dict(model=model))
    except ConfigError as error:
        return list(error.problems)
    return []


def test_a_method_that_encodes_visible_tokens_needs_a_backbone_with_tokens():
    parts = dict(video=dict(type="VideoPreprocessor", views=dict(video=[])), audio=dict(type="AudioPreprocessor"))
    (found,) = masked("STGCN", **parts)
    start = "model.encoder.backbone: ToyMasked encodes visible tokens only, and STGCN has no tokens; use "
    assert found.startswith(start)
    assert {"DSTformer", "SkeletonViT"} <= set(found[len(start) :].split(" or "))
    assert masked("SkeletonViT", **parts) == []


def test_the_views_of_all_parts_of_a_composed_preprocessor_count():
    path = "model.data_preprocessor.parts"
    video, audio = dict(type="VideoPreprocessor", views=dict(vide=[])), dict(type="AudioPreprocessor")
    wrong = f"{path}.video.views.vide: ToyMasked does not use this view; did you mean 'video'?"
    assert masked("SkeletonViT", video=video, audio=audio) == [wrong]
    assert masked("SkeletonViT", audio=audio) == [f"{path}: ToyMasked needs the view 'video'"]
    third = masked("SkeletonViT", video=dict(type="VideoPreprocessor"), audio=audio, text=audio)
    assert third == [f"{path}.text: ToyMasked does not use this view; it uses video, audio"]


def test_a_child_of_another_type_does_not_silently_keep_the_bases_keys(write):
    found = child(write, "optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3))")
    keys = {p.split(":")[0] for p in found}
    assert keys == {"optim_wrapper.optimizer.momentum", "optim_wrapper.optimizer.nesterov"}
    assert all("left over from the base's type 'SGD'" in p and "_delete_=True" in p for p in found)
    text = "optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=1e-3))"
    assert child(write, text) == []
    grandchild = write("_base_ = 'child.py'\noptim_wrapper = dict(optimizer=dict(betas=(0.9, 0.95)))\n", "third.py")
    assert problems(grandchild) == []
    found = problems(write(), {"optim_wrapper.optimizer.type": "AdamW"})
    assert any("left over from the base's type 'SGD'" in p for p in found), found


def test_a_variable_that_nothing_reads_is_told(write):
    assert "did you mean 'data_root'" in child(write, "data_rot = 'x'")[0]
    late = child(write, "layout = 'coco17'.lower()")
    assert len(late) == 1
    assert "a base sets it before this value is known" in late[0]
    assert "model.backbone.layout" in late[0]


def test_a_child_sets_a_variable_of_its_base(write):
    cfg = load(write("_base_ = 'base.py'\nlayout = 'coco17'\ndata_root = 'data/' + 'other'\n"))
    check(cfg)
    assert cfg.model.backbone.layout == cfg.train_dataloader.dataset.source.layout == cfg.layout == "coco17"
    assert cfg.val_dataloader.dataset.source.data_root == "data/other"
    grandchild = load(write("_base_ = 'child.py'\nlayout = 'ntu25'\n", "third.py"))  # the last one wins
    assert grandchild.model.backbone.layout == grandchild.layout == "ntu25"
    assert grandchild.val_dataloader.dataset.source.data_root == "data/other"
    option = load(write("_base_ = 'base.py'\nlayout = 'coco17'\n"), {"layout": "ntu25"})  # options win over files
    assert option.model.backbone.layout == option.layout == "ntu25"


def test_a_dict_that_is_a_variable_merges_where_the_base_sets_it(write):
    text = "root = 'data/x'\nsource = dict(data_root=f'{root}/y', num_coords=2)\n"
    cfg = load(write("_base_ = 'base.py'\n" + text))
    assert cfg.train_dataloader.dataset.source == cfg.source
    assert cfg.source == dict(type="ToySource", data_root="data/x/y", layout="ntu25", num_coords=2)
    text = "source = dict(_delete_=True, type='ToySource', data_root='z')\n"
    cfg = load(write("_base_ = 'base.py'\n" + text), {"source.split": "val"})
    assert cfg.val_dataloader.dataset.source == dict(type="ToySource", data_root="z", split="val")
    cfg = load(write("_base_ = 'child.py'\nsource = dict(split='test')\n", "third.py"))
    assert cfg.val_dataloader.dataset.source == dict(type="ToySource", data_root="z", split="test")
    write("_base_ = 'base.py'\nsource = dict(split='val')\n", "mid.py")
    cfg = load(write("_base_ = 'mid.py'\nsource = dict(_delete_=True, type='ToySource', data_root='z')\n", "third.py"))
    assert cfg.val_dataloader.dataset.source == cfg.source == dict(type="ToySource", data_root="z")
    path = write("source: {split: val}\n_base_: base.py\n", "child.yaml")
    assert load(path).val_dataloader.dataset.source.split == "val"


def test_names_with_an_underscore_stay_in_their_file_and_a_wrong_choice_names_the_nearest(write):
    write(
        "_pools = dict(mean=dict(type='ToyPool'))\npool = 'mean'\nmodel = dict(type='ToyMethod', pool=_pools[pool])\n",
        "a.py",
    )
    cfg = load(write("_base_ = 'a.py'\n"))
    assert cfg.model.pool.type == "ToyPool"
    assert "_pools" not in cfg
    with pytest.raises(ConfigError, match=r"a.py, line 3: KeyError: 'man'; did you mean 'mean'\?"):
        load(write("_base_ = 'a.py'\npool = 'man'\n"))
    with pytest.raises(ConfigError, match=r"a.py, line 3: KeyError: 'far off'; pool is one of 'mean'"):
        load(write("_base_ = 'a.py'\npool = 'far off'\n"))


SHORT = """
source = dict(type='ToySource', data_root='x', layout='coco17', num_coords=3)
train_dataloader = dict(batch_size=8, dataset=dict(type='ToyDataset', source=source))
val_dataloader = dict(batch_size=8, dataset=dict(type='ToyDataset', source=source))
val_evaluator = [dict(type='ToyProbe')]
train_cfg = dict(max_epochs=2)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
stream = 'joint+bone'
views = dict(query=[dict(type="ToyCrop")], key=[])
model = dict(type='ToyMethod', backbone=dict(type='ToyGraphNet', width=8),
             data_preprocessor=dict(type='ToyPreprocessor', stream=stream, views=views))
"""


def test_defaults_and_derived_values_are_filled_in_once(write, tmp_path):
    cfg = load(write(SHORT))
    check(cfg)
    assert (cfg.default_scope, cfg.runner_type, cfg.randomness.seed, cfg.val_cfg) == ("mmsync", "MotionRunner", 0, {})
    train, val = cfg.train_dataloader, cfg.val_dataloader
    assert (train.num_workers, train.drop_last, train.sampler) == (0, True, dict(type="EpochSampler", shuffle=True))
    assert (val.num_workers, val.get("drop_last"), val.sampler.shuffle) == (0, None, False)
    assert cfg.model.data_preprocessor.layout == cfg.model.backbone.layout == "coco17"
    assert (cfg.model.data_preprocessor.num_coords, cfg.model.backbone.in_channels) == (3, 6)
    assert load(write(SHORT), {"stream": "bone"}).model.backbone.in_channels == 3
    cfg.dump(tmp_path / "dump.py")
    assert load(tmp_path / "dump.py").to_dict() == cfg.to_dict()


def test_what_a_config_says_wins_over_defaults_and_derived_values(write):
    text = """
default_hooks = dict(progress=None, logger=dict(interval=7), timer=dict(type='ToyHook'), mine=dict(type='ToyHook'))
randomness = dict(seed=3, deterministic=True)
train_dataloader['num_workers'] = 2
train_dataloader['sampler'] = dict(type='DefaultSampler', shuffle=False)
val_dataloader['sampler'] = dict(shuffle=True)
"""
    cfg = load(write(SHORT + text), {"model.backbone.in_channels": 4})
    assert cfg.default_hooks.progress is None
    assert cfg.default_hooks.logger == dict(type="LoggerHook", interval=7)
    assert cfg.default_hooks.timer == cfg.default_hooks.mine == dict(type="ToyHook")
    assert cfg.default_hooks.summary.type == "RunSummaryHook"
    assert cfg.randomness == dict(seed=3, deterministic=True)
    assert cfg.train_dataloader.sampler == dict(type="DefaultSampler", shuffle=False)
    assert (cfg.train_dataloader.num_workers, cfg.val_dataloader.sampler) == (
        2,
        dict(type="EpochSampler", shuffle=True),
    )
    found = problems(write(SHORT + text), {"model.backbone.in_channels": 4})
    assert found == ["model.backbone.in_channels: is 4, but stream 'joint+bone' of 3-D joints has 6 channels"]


def test_what_cannot_be_derived_is_left_out(write):
    text = SHORT.replace("layout='coco17', num_coords=3", "layout='coco17', num_coords=2")
    cfg = load(write(text))  # nobody knows whether a score follows
    assert cfg.model.data_preprocessor.num_coords == 2
    assert "in_channels" not in cfg.model.backbone
    part = load(write("train_dataloader = dict(batch_size=8)\n"), complete=False)
    assert part.to_dict() == dict(train_dataloader=dict(batch_size=8))


@pytest.mark.parametrize(
    ("stem", "options", "name"),
    [
        ("aimclr_stgcn_ntu60_xsub", {}, "aimclr_stgcn_ntu60_xsub"),
        ("aimclr_stgcn_ntu60_xsub", {"split": "xsub"}, "aimclr_stgcn_ntu60_xsub"),
        ("aimclr_stgcn_ntu60_xsub", {"stream": "bone"}, "aimclr_stgcn_ntu60_xsub_bone"),
        ("aimclr_stgcn_ntu60_xsub", {"stream": "joint+bone"}, "aimclr_stgcn_ntu60_xsub_joint-bone"),
        ("aimclr_stgcn_ntu60_xsub", {"split": "xview", "stream": "bone"}, "aimclr_stgcn_ntu60_xview_bone"),
        ("mbaimclr_vit_ntu60_xsub_mining", {"split": "xview"}, "mbaimclr_vit_ntu60_xview_mining"),
        ("sync3d_stgcn_sbu_fold1", {"fold": 2}, "sync3d_stgcn_sbu_fold2"),
        ("supervised_r3d18_ucf101", {"fold": 2}, "supervised_r3d18_ucf101_fold2"),
        ("aimclr_stgcn_pku1_xsub", {"phase": 2}, "aimclr_stgcn_pku2_xsub"),
    ],
)
def test_the_name_of_a_run_says_what_was_chosen(write, stem, options, name):
    write("split = 'a'\nstream = 'joint'\nfold = 3\nphase = 2\nmodel = dict(a=[split, stream, fold, phase])\n", "v.py")
    path = write("_base_ = 'v.py'\nsplit = 'xsub'\nfold = 1\nphase = 1\n", f"{stem}.py")
    assert run_name(load(path, options)) == name


def test_an_option_for_a_variable_takes_effect(write):
    cfg = load(write(), {"layout": "coco17", "train_cfg.max_epochs": 3})
    assert cfg.model.backbone.layout == cfg.train_dataloader.dataset.source.layout == "coco17"
    assert cfg.train_cfg.max_epochs == 3
    check(cfg)
    cfg = load(write(), {"source.num_coords": 2})
    assert cfg.val_dataloader.dataset.source.num_coords == 2
    with pytest.raises(ConfigError, match="did you mean 'source'"):
        check(load(write(), {"sorce.num_coords": 2}))


def test_by_epoch_may_be_left_out_where_the_length_tells_it(write):
    assert child(write, "train_cfg = dict(_delete_=True, max_epochs=20)") == []


def test_the_dump_of_a_config_passes(write, tmp_path):
    load(write()).dump(tmp_path / "dump.py")
    assert problems(tmp_path / "dump.py") == []


def test_missing_data_is_told_with_its_absolute_path(write, tmp_path):
    (found,) = problems(write(), files=True)  # one line, however many data sets name the folder
    assert re.match(r"train_dataloader\.dataset\.source\.data_root \(and \d more places\): ", found)
    assert str(Path("data/toy").absolute()) in found
    assert "--cfg-options data_root=..." in found
    assert problems(write(), {"data_root": str(tmp_path)}, files=True) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("_base_ = 'bse.py'", "line 1: _base_ names"),
        ("x = 1\nmodel = dict(\n", "line 2"),
        ("_base_ = 'base.py'\nmodel = dict(a=undefined_name)", "line 2: NameError"),
        ("_base_ = 'base.py'\nmodel = dict(type=ToyMethod)", "a registered name is a string, write 'ToyMethod'"),
        ("stream = 'bone'\nmodel = dict(stream=steam)", "did you mean 'stream'?"),
        ("_base_ = 'base.py'\nmodel = dict(a=_base_.modle)", "did you mean 'model'?"),
        ("_base_ = 'base.py'\n\nmodel = dict(a={{_base_.data_rot}})", "line 3: no base sets 'data_rot'; did you mean"),
        ("_base_ = ['base.py', 'base.py']", "both set 'default_scope'"),
        ("_base_ = 'child.py'", "leads back to"),
        ("_base_ = 'base.py'\nlayout = dict(a=1)", "a dict here, but 'ntu25' in the base"),
        ("custom_imports = dict(imports=['no_such_module'])", "'no_such_module' cannot be imported"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_line(write, text, expected):
    found = problems(write(text))
    assert len(found) == 1
    assert expected in found[0], found


def test_a_missing_config_names_its_neighbor(write, tmp_path):
    write()
    with pytest.raises(ConfigError, match=r"no such config file; did you mean 'child.py'\?"):
        load(tmp_path / "chidl.py")


def test_custom_imports_merge_over_bases(write, tmp_path, monkeypatch):
    for name in ("of_base", "of_child"):
        (tmp_path / f"plugin_{name}.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    write("custom_imports = dict(imports=['plugin_of_base'])\n", "a.py")
    cfg = load(write("_base_ = ['base.py', 'a.py']\ncustom_imports = dict(imports=['plugin_of_child'])\n"))
    assert cfg.custom_imports.imports == ["plugin_of_base", "plugin_of_child"]
    assert {"plugin_of_base", "plugin_of_child"} <= set(sys.modules)


def test_the_tool_prints_problems_and_exits_with_their_verdict(tmp_path, monkeypatch, capsys):
    good = tmp_path / "good.py"
    good.write_text("model = dict(type='mmengine.ImgDataPreprocessor')\ndefault_scope = 'mmsync'\n")
    bad = tmp_path / "bad.py"
    bad.write_text("model = dict(typ='BaseModel')\nmodell = 3\n")
    tool = runpy.run_path(str(ROOT / "tools/misc/check_config.py"))

    monkeypatch.setattr(sys, "argv", ["check_config.py", str(good)])
    assert tool["main"]() == 0
    assert f"{good}: ok (model mmengine.ImgDataPreprocessor)" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["check_config.py", str(good), str(bad)])
    assert tool["main"]() == 1
    out = capsys.readouterr().out
    assert "good.py: ok" in out
    assert "model.typ: did you mean 'type'?" in out
    assert "modell: is no key of the runner" in out


def test_edit_distance_equals_the_textbook_recursion():
    def distance(a: str, b: str) -> int:
        if not a or not b:
            return len(a) + len(b)
        best = min(distance(a[:-1], b) + 1, distance(a, b[:-1]) + 1, distance(a[:-1], b[:-1]) + (a[-1] != b[-1]))
        if len(a) > 1 and len(b) > 1 and a[-1] == b[-2] and a[-2] == b[-1]:
            best = min(best, distance(a[:-2], b[:-2]) + 1)
        return best

    words = ("", "a", "ab", "ba", "lr", "type", "tpye", "gamma", "gmama", "beta")
    for a in words:
        for b in words:
            assert edit_distance(a, b) == distance(a, b), (a, b)
    assert nearest("STGNC", ["AGCN", "STGCN", "stgcn"]) == ["STGCN", "stgcn"]
    assert nearest("xyz", ["backbone"]) == []


def test_a_source_that_no_part_of_the_run_reads_need_not_exist(write):
    base = write(SHORT + "\nsource = dict(type='ToySource', data_root='no_such_folder')\n", "unused.py")
    here = str(Path(base).parent)
    text = f"_base_ = ['unused.py']\nother = dict(type='ToySource', data_root={here!r})\n"
    text += "".join(f"{key}_dataloader = dict(dataset=dict(source=other))\n" for key in ("train", "val"))
    check(load(write(text, "child.py")), files=True)


@r.TRANSFORMS.register_module(force=True)
class ToyStrict:
    """Refuses everything."""

    modality = "skeleton"

    def __init__(self, channels: int = -1) -> None:
        raise RuntimeError("no such thing")


def test_light_parts_are_built():
    views = dict(clip=[dict(type="ToyStrict", channels=-1)])
    preprocessor = dict(type="SkeletonPreprocessor", layout="ntu25", views=views)
    found = trial_problems({"model": {"data_preprocessor": preprocessor}})
    assert len(found) == 1
    assert found[0].startswith("model.data_preprocessor: SkeletonPreprocessor: views.clip.0: ToyStrict cannot be built")
    assert "no such thing" in found[0]


def test_clips_are_remapped_where_they_can_be():
    def found(layout):
        data = dict(type="SkeletonDataset", source=dict(type="NWUCLASource", data_root="x"), layout=layout, pipeline=[])
        return [p for p in contradictions({"train_dataloader": {"dataset": data}}) if "layout" in p]

    assert found("sbu15") == found("kinect20") == []
    assert len(found("ntu25")) == 1
    assert "no remap kinect20 -> ntu25" in found("ntu25")[0]


def test_models_see_the_body_frame_whatever_the_data_are(tmp_path):
    """Layout, coordinates, channels and frames of the model are those of the body frame, the others the data's."""
    config = tmp_path / "a.py"
    config.write_text("""
source = dict(type='JHMDBDDNetSource', data_root='x')
data = dict(type='SkeletonDataset', source=source, pipeline=[dict(type='ResizeClip', length=30)])
train_dataloader = dict(dataset=data)
preprocessor = dict(type='SkeletonPreprocessor', body_frame=True, stream='joint+bone')
backbone = dict(type='SkeletonViT', clip_len=64)
model = dict(type='SimCLR', encoder=dict(type='Encoder', backbone=backbone), data_preprocessor=preprocessor)
""")
    cfg = load(config).to_dict()
    preprocessor, backbone = cfg["model"]["data_preprocessor"], cfg["model"]["encoder"]["backbone"]
    assert (preprocessor["layout"], preprocessor["num_coords"]) == ("jhmdb15", 2)
    assert (backbone["layout"], backbone["in_channels"]) == ("kinect20", 6)
    told = ("layout", "in_channels", "clip_len", "num_coords")
    assert not [p for p in contradictions(cfg) if any(word in p for word in told)]
    backbone.update(layout="jhmdb15", in_channels=4, clip_len=30)
    found = "\n".join(contradictions(cfg))
    assert "backbone.layout: is 'jhmdb15', but model.data_preprocessor.body_frame is 'kinect20'" in found
    assert "backbone.in_channels: is 4, but stream 'joint+bone' of 3-D joints has 6 channels" in found
    assert "clip_len: is 30, but the clips have 64 frames (model.data_preprocessor.body_frame); set it to 64" in found
    preprocessor["layout"] = "coco17"
    assert any("data_preprocessor.layout" in p and "'jhmdb15'" in p for p in contradictions(cfg))


def test_a_store_says_its_layout_itself(tmp_path):
    with StoreWriter(tmp_path / "store", "coco17", class_names=["a"], num_coords=2) as store:
        store.add("one", np.ones((1, 4, 17, 3), np.float32), 0)
    config = tmp_path / "a.py"
    config.write_text("""
root = 'nowhere'
data = dict(type='SkeletonDataset', source=dict(type='StoreSource', root=root), pipeline=[])
train_dataloader = dict(dataset=data)
model = dict(type='SimCLR', data_preprocessor=dict(type='SkeletonPreprocessor'))
""")
    preprocessor = load(config, {"root": str(tmp_path / "store")}).model.data_preprocessor
    assert (preprocessor.layout, preprocessor.num_coords) == ("coco17", 2)
    assert "layout" not in load(config).model.data_preprocessor


@pytest.mark.parametrize(("more", "count"), [({}, 1), ({"load_from": "a.pth"}, 0)])
def test_time_embeddings_of_another_length_are_for_weights_that_are_loaded(more, count):
    backbone = dict(type="SkeletonViT", clip_len=30, stem=dict(channels=[4, 4], strides=[2, 2]))
    preprocessor = dict(type="SkeletonPreprocessor", layout="ntu25", window=64)
    model = dict(type="SimCLR", encoder=dict(type="Encoder", backbone=backbone), data_preprocessor=preprocessor)
    found = [p for p in contradictions({"model": model, "train_dataloader": {}, **more}) if "clip_len" in p]
    assert len(found) == count
    assert all("which its stem makes 16; set it to 16" in p for p in found)


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (2, float, None),
        ("2", float, "float"),
        (True, int, "int"),
        (0, bool, "bool"),
        ([1, "2"], Sequence[int], "int"),
        (3, Optional[Sequence[int]], "a list"),
        ([1, 2, 3], tuple[int, int], "a list of 2"),
        ({"low": "1"}, Union[float, Mapping[str, float]], "float"),
        ({"type": "Any"}, Mapping[str, float], None),
        ("b", Union[bool, Literal["a"]], "'a' or bool"),
        (1.5, Annotated[float, Range(0, 1)], "in [0, 1]"),
        ([0.5, 1.0], Annotated[Sequence[float], Range(0, 1, open_high=True)], "in [0, 1)"),
        (-1, Annotated[int, Range(1, also=(-1,))], None),
        (0, Annotated[int, Range(1, also=(-1,))], "at least 1 or -1"),
        (object(), int, None),
    ],
)
def test_a_value_is_compared_with_its_annotation(value, annotation, expected):
    found = mismatch(value, annotation)
    assert (None if found is None else found.expected) == expected


def test_ranges_follow_from_names_in_mmsync_and_upstream_only():
    assert mismatch(0, annotations_of(DataLoader)["batch_size"]).expected == "at least 1"
    assert mismatch(0.02, annotations_of(NormalInit)["std"]) is None  # its default is the whole number 1
    assert mismatch(-0.02, annotations_of(NormalInit)["std"]).expected == "at least 0"
    assert mismatch(7.0, annotations_of(ToyCrop)["prob"]) is None  # of this file, a third party's


def test_a_file_with_a_byte_order_mark_is_read(write):
    path = write("_base_ = 'base.py'\n", "marked.py")
    Path(path).write_bytes(b"\xef\xbb\xbf" + Path(path).read_bytes())
    assert load(path).model == load(write("_base_ = 'base.py'\n", "plain.py")).model
