"""Mistakes about work dirs, places of data, launchers, log backends and third parties' components."""

from __future__ import annotations

from tests.mistakes import Mistake, option

TRAIN = ["tools/train.py", "{config}", "--work-dir", "run"]
SET = ["--cfg-options"]
MINE = """
_base_ = '{config}'
custom_imports = dict(imports=['mine_%s'])
model = dict(encoder=dict(backbone=dict(_delete_=True, type='%s', width=%d), projector=dict(out_channels=4)))
"""
OWN_MODEL = """
_base_ = '{config}'
custom_imports = dict(imports=['mine_%s'])
view = [dict(type='Shear', amplitude=0.2)]
encoder = dict(type='Encoder', backbone=dict(type='STGCN', layout='ntu25', channels=[4], strides=[1]))
model = dict(_delete_=True, type='%s', encoder=encoder, data_preprocessor=dict(
    type='SkeletonPreprocessor', layout='ntu25', views=dict(first=view, second=view)))
"""
BACKBONE = """
import torch
from torch import nn
from mmsync.models.backbones import Backbone
from mmsync.registry import BACKBONES

@BACKBONES.register_module(force=True)
class %s(Backbone):
    %s
    def __init__(self, width=8):
        super().__init__(3, width)
        self.net = nn.Linear(3, width)

    def forward_rows(self, x):  # (P, T, V, C)
        return %s
"""
METHOD = """
from mmsync.models.methods.base import TwoViewMethod
from mmsync.registry import MODELS

@MODELS.register_module(force=True)
class %s(TwoViewMethod):
    def loss(self, views, data_samples=None):
        first, second = self.embed(views)
        return %s
"""


def backbone(name: str, result: str, says: str, width: int = 4, modality: str = "modality = 'skeleton'") -> Mistake:
    """A training with a backbone of a third party."""
    files = {
        "own.py": MINE % (name, name.title(), width),
        f"mine_{name}.py": BACKBONE % (name.title(), modality, result),
    }
    return Mistake(f"backbone_{name}", ["tools/train.py", "own.py", "--work-dir", "run"], says=says, files=files)


def method(name: str, result: str, says: str) -> Mistake:
    """A training with a method of a third party."""
    files = {"own.py": OWN_MODEL % (name, name.title()), f"mine_{name}.py": METHOD % (name.title(), result)}
    return Mistake(f"method_{name}", ["tools/train.py", "own.py", "--work-dir", "run"], says=says, files=files)


CASES: list[Mistake] = [
    Mistake(
        "work_dir_of_another_run",
        ["tools/train.py", "{config}", "--work-dir", "{work_dir}"],
        says=r"has the checkpoints of another run .*epoch_1\.pth.*--resume.*--work-dir.*--overwrite",
    ),
    Mistake(
        "work_dir_of_another_run_with_a_changed_rate",
        ["tools/train.py", "{config}", "--work-dir", "{work_dir}", *SET, "optim_wrapper.optimizer.lr=0.1"],
        says=r"has the checkpoints of another run",
    ),
    Mistake(
        "resume_of_another_run_in_a_used_work_dir",
        ["tools/train.py", "{config}", "--work-dir", "old", "--resume", "{checkpoint}"],
        says=r"old has the checkpoints of another run .*epoch_7.*continue that of .*epoch_1\.pth in another folder",
        files={"old/epoch_7.pth": "", "old/last_checkpoint": "old/epoch_7.pth"},
    ),
    Mistake("resume_and_overwrite", [*TRAIN, "--resume", "--overwrite"], says=r"give one of them"),
    Mistake(
        "overwrite_what_it_starts_from",
        ["tools/train.py", "{config}", "--work-dir", "{work_dir}", "--overwrite", *SET, "load_from={checkpoint}"],
        says=r"--overwrite would remove load_from",
    ),
    Mistake(
        "runner_in_a_used_work_dir",
        code="""
from mmengine.config import Config
from mmsync.config import load
from mmsync.engine.runner import MotionRunner
cfg = load("{config}")
cfg.work_dir = "{work_dir}"
MotionRunner.from_cfg(cfg).train()
""",
        says=r"has the checkpoints of another run",
    ),
    Mistake(
        "work_dir_is_a_number", ["tools/train.py", "{config}", *SET, "work_dir=3"], says=r"work_dir: is 3, must be"
    ),
    Mistake("work_dir_is_empty", ["tools/train.py", "{config}", "--work-dir", ""], says=r"work_dir: is '', must be"),
    Mistake(
        "work_dir_is_a_file",
        ["tools/train.py", "{config}", "--work-dir", "notes.txt"],
        says=r"notes\.txt cannot be a folder, .*notes\.txt is a file; give another --work-dir",
        files={"notes.txt": "x"},
    ),
    Mistake(
        "work_dir_below_a_file",
        ["tools/train.py", "{config}", "--work-dir", "notes.txt/run"],
        says=r"cannot be a folder, .*notes\.txt is a file",
        files={"notes.txt": "x"},
    ),
    Mistake(
        "work_dir_that_cannot_be_made",
        ["tools/train.py", "{config}", "--work-dir", "/proc/mmsync/run"],
        says=r"work_dir: .*(cannot be made|no permission)",
    ),
    Mistake(
        "test_with_a_file_as_work_dir",
        ["tools/test.py", "{config}", "{checkpoint}", "--work-dir", "notes.txt"],
        says=r"notes\.txt is a file",
        files={"notes.txt": "x"},
    ),
    option("option_with_a_blank", "max_epochs 3", r"'max_epochs' is not KEY=VALUE; write max_epochs=3"),
    option("option_without_a_key", "=3", r"'=3' is not KEY=VALUE"),
    option("option_without_a_value", "train_cfg.max_epochs", r"is not KEY=VALUE; write train_cfg.max_epochs=VALUE"),
    option("option_with_an_open_bracket", "model.queue_size=[1,(2", r"brackets or quotes do not match"),
    Mistake("suite_set", ["tools/benchmarks/suite.py", "out", "--sets", "uclaa"], r"uclaa: no such set.*mean 'ucla'"),
    Mistake(
        "suite_option",
        says=r"--cfg-options fold: no method and no set that is there has such a variable",
        argv=["tools/benchmarks/suite.py", "out", "--sets", "synthetic", *SET, "fold=2"],
    ),
    Mistake(
        "logistic_c",
        says=r"LogisticProbe: C=0",
        code="from mmsync.evaluation.probes import LogisticProbe\nLogisticProbe(C=0)",
    ),
    Mistake(
        "option_of_a_sweep_with_a_blank",
        ["tools/sweep.py", "{config}", *SET, "train_cfg.max_epochs", "3"],
        says=r"is not KEY=VALUE",
    ),
    option("option_of_no_key", "train_cfgg.max_epochs=3", r"train_cfgg: .*did you mean 'train_cfg'"),
    Mistake("launcher_without_torchrun", [*TRAIN, "--launcher", "pytorch"], says=r"start with mmsync launch"),
    Mistake("launcher_without_srun", [*TRAIN, "--launcher", "slurm"], says=r"SLURM_PROCID and SLURM_NTASKS.* srun"),
    Mistake("launcher_without_mpirun", [*TRAIN, "--launcher", "mpi"], says=r"OMPI_COMM_WORLD_RANK.* start with mpirun"),
    Mistake(
        "backend_without_its_package",
        ["tools/train.py", "own.py", "--work-dir", "run"],
        says=r"MLflowVisBackend needs mlflow: python -m pip install mlflow",
        files={"own.py": "_base_ = '{config}'\nvis_backends = [dict(type='MLflowVisBackend')]\n"},
    ),
    Mistake(
        "backends_that_differ_from_the_visualizer",
        ["tools/train.py", "own.py", "--work-dir", "run"],
        says=r"vis_backends: differs from visualizer\.vis_backends",
        files={
            "own.py": "_base_ = '{config}'\nvis_backends = [dict(type='LocalVisBackend')]\n"
            "visualizer = dict(type='Visualizer', vis_backends=[dict(type='TensorboardVisBackend')])\n"
        },
    ),
    option(
        "backend_by_a_slip", "vis_backends=TensorbordVisBackend", r"vis_backends.*did you mean 'TensorboardVisBackend'"
    ),
    option("best_by_a_slip", "default_hooks.checkpoint.save_best=knn/topp1", r"did you mean 'knn/top1'"),
    option(
        "best_by_a_probe_that_does_not_run",
        "default_hooks.checkpoint.save_best=linear/last",
        r"validation gives no 'linear/last'; it gives knn/top1",
    ),
    option("best_by_an_unknown_rule", "default_hooks.checkpoint.rule=bigger", r"rule"),
    option("split_of_no_name", "val_dataloader.dataset.roles.query=tset", r"no split 'tset'; did you mean 'test'"),
    Mistake(
        "data_root_of_nothing",
        ["tools/train.py", "configs/aimclr/aimclr_stgcn_ntu60_xsub.py", "--work-dir", "run"],
        says=r"data/ntu60 is neither in the current folder \(.*\) nor under MMSYNC_DATA_ROOT \(/nowhere/ntu60\)",
        env={"MMSYNC_DATA_ROOT": "/nowhere"},
    ),
    Mistake(
        "data_root_without_the_variable",
        ["tools/train.py", "configs/aimclr/aimclr_stgcn_ntu60_xsub.py", "--work-dir", "run"],
        says=r"data/ntu60 is neither in the current folder \(.*\) nor under MMSYNC_DATA_ROOT, which is not set",
        env={"MMSYNC_DATA_ROOT": ""},
    ),
    backbone("swapped", "self.net(x).permute(0, 1, 3, 2)", r"Swapped: the map is .*D is 8, but out_channels=4"),
    backbone("swapped_square", "self.net(x).permute(0, 1, 3, 2)", r"D and the frames are in another order", width=8),
    backbone("unordered", "self.net(x)", r"Unordered: the map is .*D is 8, but out_channels=4"),
    backbone("flat", "self.net(x).mean((1, 2))", r"Flat: the map is \(\d+, 4\), but axes='DTV' name 3 axes"),
    backbone("empty", "None", r"Empty makes a NoneType, not a tensor \(P, D, T, V\)"),
    backbone("senseless", "self.net(x)", r"Senseless has no modality: set modality", modality=""),
    method("unnamed", "dict(objective=(first - second).square().mean())", r"Unnamed\.loss\(\) returns 'objective'"),
    method("bare", "(first - second).square().mean()", r"Bare\.loss\(\) returns a Tensor; it returns a dict"),
    method("number", "dict(loss=1.0)", r"returns 'loss' as a float"),
    method("detached", "dict(loss=(first - second).square().mean().detach())", r"Detached\.loss\(\) has no gradient"),
    Mistake(
        "name_that_is_taken",
        ["tools/train.py", "own.py", "--work-dir", "run"],
        says=r"the backbone 'STGCN' is registered already, mmsync\.models\S+; register_module\(name=",
        files={
            "own.py": "_base_ = '{config}'\ncustom_imports = dict(imports=['mine_clash'])\n",
            "mine_clash.py": "from mmsync.registry import BACKBONES\n"
            "@BACKBONES.register_module()\nclass STGCN:\n    pass\n",
        },
    ),
    Mistake(
        "warm_up_of_one_step",
        ["tools/train.py", "own.py", "--work-dir", "run"],
        says=r"param_scheduler: a warm-up is a single step of 2",
        files={
            "own.py": "_base_ = '{config}'\n"
            "param_scheduler = dict(type='OneCycleLR', eta_max=0.01, pct_start=0.5, total_steps=2, by_epoch=False)\n"
        },
    ),
]
