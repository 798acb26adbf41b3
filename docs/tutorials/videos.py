# ruff: noqa: E402 - a cell imports what it uses
# %% [markdown]
# # Your own videos
#
# This tutorial trains SimCLR on a folder of videos, without labels, and looks for similar videos by its features. It
# runs in half a minute on one CPU core, because the videos are small and the network is narrow. It needs PyAV:
# `python -m pip install -e ".[video]"`.
#
# ## A folder of videos
#
# mmsync reads videos as they lie in folders, `<class>/<clip>` or `<split>/<class>/<clip>`. Here three kinds of moving
# pictures stand in for yours: a disc that moves from left to right, one that falls, and one that grows.

# %%
from pathlib import Path

import numpy as np
from matplotlib import pyplot

from mmsync.media.write import write_video

SIDE, FRAMES = 48, 25
y, x = np.mgrid[:SIDE, :SIDE]


def disc(kind, rng):
    """One video (T, H, W, 3) of a disc of random color, size and background."""
    color, ground, radius = rng.integers(80, 255, 3), rng.integers(0, 80, 3), rng.uniform(5, 9)
    frames = np.empty((FRAMES, SIDE, SIDE, 3), np.uint8)
    for t, share in enumerate(np.linspace(0.1, 0.9, FRAMES)):
        center = {"right": (24, 48 * share), "fall": (48 * share, 24), "grow": (24, 24)}[kind]
        size = radius * (0.3 + 2 * share) if kind == "grow" else radius
        inside = np.hypot(y - center[0], x - center[1]) < size
        frames[t] = np.where(inside[..., None], color, ground)
    return frames


rng = np.random.default_rng(0)
for split, number in (("train", 20), ("test", 8)):
    for kind in ("fall", "grow", "right"):
        for i in range(number):
            Path(f"my_clips/{split}/{kind}").mkdir(parents=True, exist_ok=True)
            write_video(f"my_clips/{split}/{kind}/{kind}{i}.mp4", disc(kind, rng), rate=25)

# %% [markdown]
# ## Read them
#
# `ClipFolderSource` decodes every file once, to find damaged ones and the times of their frames. Frames are then read
# by their time in seconds, whatever the rate of the file.

# %%
from mmsync.datasets.sources import ClipFolderSource
from mmsync.media import open_video

source = ClipFolderSource("my_clips")
print(len(source), "videos of", source.class_names)
print({split: len(names) for split, names in source.splits.items()})

with open_video("my_clips/train/right/right0.mp4") as video:
    frames = video.read([0.0, 0.25, 0.5, 0.75])
figure, axes = pyplot.subplots(1, 4, figsize=(8, 2.2))
for axis, frame, second in zip(axes, frames, (0.0, 0.25, 0.5, 0.75)):
    axis.imshow(frame)
    axis.set_title(f"{second:.2f} s")
    axis.axis("off")
figure.set_label("Four frames of a video in which a disc moves to the right")

# %% [markdown]
# ## Train
#
# A config inherits from a shipped one and says what differs: here the source, and sizes that suit a small example. For
# videos of people take `configs/simclr/simclr_r3d18_ucf101.py` as the base, at 112 pixels and with a full network.

# %%
from mmsync.config import check, load
from mmsync.engine.runner import MotionRunner

Path("my_configs").mkdir(exist_ok=True)
Path("my_configs/discs.py").write_text("""
_base_ = ["../configs/simclr/simclr_r3d18_synthetic.py"]
source = dict(_delete_=True, type="ClipFolderSource", data_root="my_clips")
size = 48
fps = 12.5
max_epochs = 4
warmup = 1
train_dataloader = dict(batch_size=20, dataset=dict(window=12))
val_dataloader = dict(dataset=dict(window=8))
test_dataloader = dict(dataset=dict(window=8))
view = [
    dict(type="RandomWindow", frames=8),
    dict(type="VideoCropResize", scale=(0.7, 1.0)),
    dict(type="ColorJitter", brightness=0.4, contrast=0.4, saturation=0.4, hue=0.5)]
model = dict(data_preprocessor=dict(views=dict(first=view, second=view)))
""")
cfg = load("my_configs/discs.py")
cfg.work_dir, cfg.log_level = "work_dirs/discs", "WARNING"
cfg.overwrite = True  # a second run of this page replaces the first
check(cfg)
runner = MotionRunner.from_cfg(cfg)
runner.train()

# %% [markdown]
# On the command line, `python tools/train.py my_configs/discs.py`. The views have no `VideoFlip`, because a mirrored
# disc moves to the other side: an augmentation must not change what the features should tell apart.
#
# ## Features and neighbors

# %%
from mmsync.apis import extract_features, init_model

model = init_model(cfg, "work_dirs/discs/epoch_4.pth")
table = extract_features(model, runner.val_dataloader, progress=False)
roles, names = np.array(table["role"]), np.array(table["name"])
features = np.asarray(table["feature"])
features = (features - features[roles == "bank"].mean(0)) / features[roles == "bank"].std(0)
features /= np.linalg.norm(features, axis=1, keepdims=True)
nearest = (features[roles == "query"] @ features[roles == "bank"].T).argmax(1)
labels = np.asarray(table["label"])
right = labels[roles == "bank"][nearest] == labels[roles == "query"]
print("the nearest training video is of the same kind")
print(f"for {100 * right.mean():.0f} % of {len(right)} test videos")

# %%
figure, axes = pyplot.subplots(2, 6, figsize=(9, 2.2))
for column in range(6):
    query = 4 * column
    pair = names[roles == "query"][query], names[roles == "bank"][nearest[query]]
    for axis, name in zip(axes[:, column], pair):
        with open_video(Path("my_clips") / name) as video:
            axis.imshow(np.hstack(video.read([0.1, 0.8])))
        axis.set_title(Path(name).stem, fontsize=9)
        axis.axis("off")
figure.set_label("Six test videos, two frames each, above the training videos nearest to them")

# %% [markdown]
# `python tools/test.py my_configs/discs.py work_dirs/discs/epoch_4.pth` runs the probes of the config, for instance
# nearest neighbors.
#
# ## Next
#
# - [Video](../video.md): tracks of people, weights of published networks, data sets such as UCF101.
# - [Learning by the time axis](../time_axis.md): videos with sound, synchrony, the direction of time.
