"""Sequences and their alignment: data, views, methods and probes."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np

from tests.mistakes import ROOT, Mistake

TRAIN = "tools/train.py"
MASA, TCC = (f"configs/{name}.py" for name in ("masa/masa_synthetic", "tcc/tcc_synthetic"))
SMALL = [
    "--work-dir", "w", "--cfg-options", "max_epochs=1", "val_interval=1", "batch_size=4", "source.num_sequences=[4,2]",
    "source.num_frames=[20,30]",
]  # fmt: skip
OWN = f"""
_base_ = "{ROOT}/configs/masa/masa_synthetic.py"
source = dict(_delete_=True, type="FeatureFolderSource", data_root="{{tmp}}/data")
layout = None
normalize = None
in_channels = 6
move = []
width = 8
batch_size = 4
max_epochs = 1
val_interval = 1
"""
FRAMES = 24


def npy(array: Any) -> bytes:
    """The bytes of a .npy file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def folder(**changed: Any) -> dict[str, Any]:
    """A folder of four sequences ``(24, 6)`` with 3 phases for each split, with files changed, or left out (None)."""
    rng, files = np.random.default_rng(0), {}
    for split in ("train", "val"):
        for i in range(4):
            files[f"data/{split}/bow/{i}.npy"] = rng.normal(size=(FRAMES, 6)).astype(np.float32)
            files[f"data/{split}/bow/{i}.labels.npy"] = np.arange(FRAMES) * 3 // FRAMES
    for name, array in changed.items():
        split, number, kind = name.split("_")
        files[f"data/{split}/bow/{number}{'.labels' * (kind == 'labels')}.npy"] = array
    return {path: npy(array) for path, array in files.items() if array is not None}


def synthetic(name: str, settings: str, says: str, config: str = MASA, **more: Any) -> Mistake:
    """Training on the built-in world with settings separated by blanks."""
    return Mistake(name, [TRAIN, config, *SMALL, *settings.split()], says, **more)


def own(name: str, files: dict[str, Any], says: str, text: str = "", **more: Any) -> Mistake:
    """Training on a folder of one's own."""
    return Mistake(name, [TRAIN, "own.py", "--work-dir", "w"], says, files={"own.py": OWN + text, **files}, **more)


values = np.random.default_rng(1).normal(size=(FRAMES, 6)).astype(np.float32)
with_nan = np.where(np.arange(FRAMES)[:, None] == 7, np.nan, values).astype(np.float32)
turning = np.array([0, 1] * 12)
NO_PHASES = {f"{split}_{i}_labels": None for split in ("train", "val") for i in range(4)}

TWO_LENGTHS = """
import pickle
import numpy as np
from mmsync.registry import DATASETS
item = dict(frame_dir="a", activity=0, keypoint=np.ones((1, 9, 25, 3), np.float32), feature="a.npy")
pickle.dump(dict(split=dict(train=["a"]), meta=dict(activities=["bow"]), annotations=[item]), open("s.pkl", "wb"))
np.save("a.npy", np.ones((7, 4), np.float32))
DATASETS.build(dict(type="SequencePickleSource", ann_file="s.pkl", data="both")).load(0)
"""

FRAMES_OF = ["tools/dataset_converters/frame_features.py", "out"]
TASKS = {"tea": dict(handles=["a"], hdl_actions=[["boil"]], hdl_start_times=[[0]], hdl_end_times=[[9]])}
GTCC_FILES = {"tasks.json": json.dumps(TASKS), "data/a.npy": npy(values)}
GTCC = """
from mmsync.registry import DATASETS
DATASETS.build(dict(type="GTCCSource", ann_file="tasks.json", features="data", rate=15)).load(0)
"""

CASES = [
    own(
        "seq_one_frame",
        folder(train_0_x=values[:1], train_0_labels=np.zeros(1, int)),
        r"train/bow/0: 1 of 1 frames can be used, min_frames=2",
    ),
    own(
        "seq_all_background",
        folder(**{f"train_{i}_labels": np.zeros(FRAMES, int) for i in range(4)}),
        r"4 of 8 sequences are bad.*0 of 24 frames can be used.*others are invalid or background",
        "source = dict(_delete_=True, type='FeatureFolderSource', data_root='{tmp}/data', background=0)\n"
        "sequences = dict(background='drop')",
    ),
    own(
        "seq_no_phases",
        folder(**NO_PHASES),
        r"PhaseClassification: the data set sets no `phase`.*take probes=dict\(_delete_=True, tau=",
    ),
    own(
        "seq_phases_back",
        folder(train_0_labels=turning),
        r"phases go back in 1 of 4 sequences.*: train/bow/0",
        warned=True,
    ),
    own(
        "seq_labels_length",
        folder(train_1_labels=np.zeros(20, int)),
        r"train/bow/1: 20 phases for 24 frames; give one for each frame",
    ),
    own("seq_nan", folder(train_2_x=with_nan), r"train/bow/2: NaN or infinity in 1 of 24 frames, first in 7"),
    own(
        "seq_other_width",
        folder(train_2_x=values[:, :5]),
        r"train/bow/2: frames are \(5,\), but \(6,\) in the first sequence",
    ),
    own(
        "seq_in_channels",
        folder(),
        r"FrameMLP takes .* C = in_channels = 7.*got \(1, 24, 6\); set in_channels as in the data",
        "in_channels = 7",
    ),
    own("seq_no_folder", {}, r"data_root .*data does not exist"),
    own(
        "seq_move_features",
        folder(),
        r"SequenceFlip moves joints, but which channels are joints is not known; give .*joints=\(V, C\)",
        "drop = [dict(type='DropFrames'), dict(type='SequenceFlip')]",
    ),
    own(
        "seq_normalize_features",
        folder(),
        r"normalize is of joints, but sequences are \(N, T, F\); give joints=\(V, C\)",
        "normalize = 'ntu25'",
    ),
    synthetic(
        "seq_activity_misspelt",
        "source.activities=[golf_swng]",
        r"SyntheticSequenceSource: no activity 'golf_swng'; did you mean 'golf_swing'\?",
    ),
    synthetic(
        "seq_activity_misspelt_of_the_data_set",
        "sequences.activities=[golfswing]",
        r"SequenceDataset: no activity 'golfswing'; did you mean 'golf_swing'\?",
    ),
    synthetic(
        "seq_activities_empty",
        "sequences.activities=[]",
        r"SequenceDataset: activities=\[\]: give a list of names, or None for all",
    ),
    synthetic(
        "seq_activities_text",
        "sequences.activities=golf_swing",
        r"sequences\.activities: is 'golf_swing', must be a list",
    ),
    synthetic(
        "seq_source_activities_empty",
        "source.activities=[]",
        r"SyntheticSequenceSource: activities=\[\]: give a list of names",
    ),
    synthetic(
        "seq_pooled",
        "model.encoder.pool.type=MeanPool",
        r"encoder\.pool: MeanPool pools the frames, which MASA compares; set pool=dict\(type='FramePool'\)",
    ),
    synthetic(
        "seq_no_pairs",
        "train_dataloader.batch_sampler=None batch_size=2",
        r"the batch has no 2 sequences of one activity; set train_dataloader\.batch_sampler=dict\(type='Gro",
        TCC,
    ),
    synthetic(
        "seq_groups",
        "batch_size=64 per_group=2",
        r"a global batch needs 32 groups, but there are 13 by 'label'; lower batch_size or raise per_group",
        TCC,
    ),
    synthetic(
        "seq_per_group",
        "per_group=5",
        r"GroupBatchSampler: batch_size=4 is no multiple of per_group=5; make it one",
        TCC,
    ),
    synthetic(
        "seq_tau_of_one",
        "source.num_sequences=[4,1]",
        r"KendallTau: no activity can be judged.*and 10 more; it needs 2 or more query videos of an activity",
    ),
    synthetic(
        "seq_casa_2d",
        "normalize=casa layout=penn13 source.layout=penn13 in_channels=26",
        r"normalize='casa' knows layouts .*, not penn13; give dict\(z=\(a, b\), x=\(c, d\)\)",
    ),
    synthetic(
        "seq_3d_of_2d",
        "normalize=ikea17 layout=penn13 source.layout=penn13 in_channels=26",
        r"normalize is of joints in 3D, but they have 2 coordinates; use normalize='torso2d'",
    ),
    synthetic(
        "seq_layout",
        "layout=smpl24",
        r"layout: is 'smpl24', but train_dataloader\.dataset\.source\.layout is 'ntu25'; they must be the same",
    ),
    synthetic("seq_min_match", "min_match=4", r"min_match=4 is of two views; give two, or min_match=0", TCC),
    own(
        "seq_one_view",
        folder(),
        r"views: MASA needs the view 'second'",
        "views = dict(_delete_=True, first=[dict(type='DropFrames')])\nmin_match = 0",
    ),
    Mistake(
        "seq_other_checkpoint",
        ["tools/benchmark.py", "{checkpoint}", "--protocols", "alignment"],
        r"the data set sets no `phase`; it is for a SequenceDataset",
    ),
    synthetic(
        "seq_drop_all", "drop.0.max_drop=1.0", r"DropFrames: max_drop=1 may drop all frames; give a share below 1"
    ),
    synthetic(
        "seq_layers",
        "model.context.layers=[self,corss]",
        r"context\.layers: is 'corss', must be 'self' or 'cross'; did you mean 'cross'\?",
    ),
    synthetic(
        "seq_heads",
        "model.context.num_heads=7",
        r"CrossContext: 4 layers of width 128, num_heads=7.*give .*a divisor of the width",
    ),
    synthetic(
        "seq_predictor",
        "model.predictor.type=AlignProjector model.predictor.out_channels=7",
        r"model\.predictor: AlignProjector takes no hidden_channels; give one of rows \(N, D\), as MLPProjector",
        "configs/frame_simsiam/frame_simsiam_synthetic.py",
    ),
    synthetic(
        "seq_predictor_false",
        "model.predictor=False",
        r"model\.predictor: is False, must be a dict",
        "configs/frame_simsiam/frame_simsiam_synthetic.py",
    ),
    Mistake(
        "seq_feature_length",
        code=TWO_LENGTHS,
        says=r"s\.pkl, a: 9 frames of joints, but 7 in a\.npy; extract them at the rate of the joints",
    ),
    own(
        "seq_some_without_phases",
        folder(train_0_labels=None),
        r"1 of 4 sequences have no phases, and get -1: train/bow/0",
        warned=True,
    ),
    synthetic("seq_stride", "test_evaluator.probes.tau.stride=0", r"probes\.tau\.stride: is 0, must be at least 1"),
    synthetic(
        "seq_fractions",
        "test_evaluator.probes.phases.fractions=[10,50,100]",
        r"PhaseClassification\.fractions\[0\]=10: give a number in \(0, 1\]",
    ),
    synthetic(
        "seq_protocol",
        "val_evaluator.probes.phases.protocol=tc",
        r"phases\.protocol: is 'tc', must be 'casa' or 'carl' or 'tcc'; did you mean 'tcc'\?",
    ),
    synthetic(
        "seq_repeats",
        "val_dataloader.dataset.repeats=50",
        r"repeats=50 would evaluate each sequence as often; set repeats=1",
    ),
    synthetic(
        "seq_fraction", "sequences.fraction=10", r"fraction=10: give a share in \(0, 1\], for instance 0\.1 for 10 %"
    ),
    synthetic("seq_trim", "trim=2", r"common\.0\.ratio: is 2, must be in \[0, 1\]"),
    synthetic("seq_temperature", "model.loss.temperature=0", r"model\.loss\.temperature: is 0, must be above 0"),
    Mistake(
        "seq_frames_no_folder",
        [*FRAMES_OF, "--videos", "none", "--backbone", "color_grid"],
        r"the folder none does not exist",
    ),
    Mistake(
        "seq_frames_backbone",
        [*FRAMES_OF, "--videos", ".", "--backbone", "color_gird"],
        r"'color_gird': give color_grid, timm:NAME or package\.module:factory",
        files={"a.mp4": "no"},
    ),
    Mistake(
        "seq_frames_damaged",
        [*FRAMES_OF, "--videos", ".", "--backbone", "color_grid"],
        r"none of the 1 videos can be used; the first: a: a\.mp4: cannot be opened as video",
        files={"a.mp4": "no"},
    ),
    Mistake(
        "seq_frames_no_pictures",
        [*FRAMES_OF, "--source", "type=SyntheticSequenceSource", "--backbone", "color_grid"],
        r"SyntheticSequenceSource has no pictures; give a source of videos, as TCCSource",
    ),
    Mistake(
        "seq_gtcc_rate",
        says=r"24 rows of features at 15 a second last 1\.6 s, its segments 9\.0 s, 135 rows; is rate right\?",
        code=GTCC,
        files=GTCC_FILES,
    ),
]
