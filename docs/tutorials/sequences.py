# ruff: noqa: E402 - a cell imports what it uses
# %% [markdown]
# # Your own sequences
#
# This tutorial learns one vector for each frame of a sequence, so that frames of the same moment of an activity lie
# close together in all recordings of it. It trains MASA on golf swings and bowling, and aligns two swings of different
# speed. It runs in half a minute on one CPU core.
#
# ## A folder of sequences
#
# A sequence is a file `<split>/<activity>/<name>.npy` of joints `(T, V, C)`, or of features of frames `(T, F)`.
# *Phases* are optional, one whole number for each frame beside it, `<name>.labels.npy`. They never enter the training.

# %%
from pathlib import Path

import numpy as np
from matplotlib import pyplot

from mmsync.datasets.sources import FeatureFolderSource, SyntheticSequenceSource

ACTIVITIES = ["golf_swing", "bowling"]
# Stands in for your recordings:
world = SyntheticSequenceSource(num_sequences=(20, 8), activities=ACTIVITIES)

for split, names in world.splits.items():
    for name in names:
        i = world.names.index(name)
        activity = world.class_names[world.labels[i]]
        path = Path("my_data", split, activity, Path(name).name)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path.with_suffix(".npy"), world.load(i))
        np.save(path.with_suffix(".labels.npy"), world.frame_labels(i))

source = FeatureFolderSource("my_data", layout="ntu25")
lengths = [len(source.load(i)) for i in range(len(source))]
print(len(source), "sequences of", source.class_names)
print("frames:", min(lengths), "to", max(lengths))
print("joints and coordinates of the first:", source.load(0).shape[1:])

# %% [markdown]
# ## Train
#
# The config inherits from MASA's. `layout` names the joints; `in_channels` is their number times the coordinates. For
# features of frames, `layout` and `normalize` are `None`, `in_channels` is their width and `move` is `[]`.

# %%
from mmsync.config import check, load
from mmsync.engine.runner import MotionRunner

Path("my_configs").mkdir(exist_ok=True)
Path("my_configs/mine.py").write_text("""
_base_ = ["../configs/masa/masa_synthetic.py"]
source = dict(_delete_=True, type="FeatureFolderSource", data_root="my_data", layout="ntu25")
layout = "ntu25"
normalize = "ntu25"
in_channels = 75
batch_size = 20
max_epochs = 10
val_interval = 10
""")
cfg = load("my_configs/mine.py")
cfg.work_dir, cfg.log_level = "work_dirs/my_sequences", "WARNING"
cfg.overwrite = True  # a second run of this page replaces the first
check(cfg)
runner = MotionRunner.from_cfg(cfg)
runner.train()

losses = runner.message_hub.get_scalar("train/loss").data[0]
figure, axis = pyplot.subplots(figsize=(6, 2.5))
axis.plot(losses)
axis.set(xlabel="iteration", ylabel="loss")
figure.set_label("The loss of the training falls")

# %% [markdown]
# ## Align two recordings
#
# `align_sequences` finds for each frame of one sequence its frame of the other. `how="dtw"` never goes back in time.

# %%
from mmsync.apis import init_model
from mmsync.apis.alignment import align_sequences

model = init_model(cfg, "work_dirs/my_sequences/epoch_10.pth")
swings = [i for i, name in enumerate(source.names) if "val/golf_swing" in name]
first, second = swings[:2]
found = align_sequences(model, source.load(first), source.load(second), how="dtw")
same = source.frame_labels(first) == source.frame_labels(second)[found.index]
position = np.linspace(0, lengths[second] - 1, lengths[first]).round().astype(int)
linear = source.frame_labels(first) == source.frame_labels(second)[position]
print(f"{lengths[first]} and {lengths[second]} frames")
print("frames that meet one of their own phase:")
print(f"{100 * same.mean():.0f} % aligned, {100 * linear.mean():.0f} % by position")

# %%
figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), gridspec_kw=dict(width_ratios=[1, 1.2]))
axes[0].imshow(found.distance, aspect="auto", cmap="viridis")
axes[0].plot(found.index, np.arange(len(found.index)), color="white")
axes[0].set(xlabel="frame of the second", ylabel="frame of the first", title="distances, and the alignment")
axes[1].plot(source.frame_labels(first), label="first")
axes[1].plot(source.frame_labels(second)[found.index], "--", label="second, aligned")
axes[1].set(xlabel="frame of the first", ylabel="phase", title="phases")
axes[1].legend()
figure.set_label("Distances of the frames of two golf swings with their alignment, and the phases that meet")

# %% [markdown]
# From a checkpoint, `tools/visualization/align.py` writes such a picture, a table of frames and a film:
#
# ```bash
# python tools/visualization/align.py work_dirs/my_sequences/epoch_10.pth CLIP_A CLIP_B --how dtw
# python tools/benchmark.py work_dirs/my_sequences/epoch_10.pth --protocols alignment
# ```
#
# The second command judges all sequences: phases, progress, order, retrieval of frames. Compare each number with the
# one of the position alone, which [Sequences](../sequences.md#position-alone) explains.
#
# ## Next
#
# - [Sequences](../sequences.md): other methods, features of video frames, what each probe means.
# - [Glossary](../glossary.md): the terms.
