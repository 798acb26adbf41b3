# ruff: noqa: E402 - a cell imports what it uses
# %% [markdown]
# # Your own skeletons
#
# This tutorial takes clips from arrays to a trained encoder: it writes them to a store, looks at them, extracts
# features without any training, trains an encoder beside motion-s, and compares. It runs in half a minute on one core.
#
# The clips come from the built-in world of moving people, as if they were yours. Replace `my_clips` by a function that
# reads your files; the rest stays as it is.

# %%
import numpy as np
from matplotlib import pyplot

from mmsync.datasets import SyntheticSource
from mmsync.structures import SkeletonLayout

ACTIONS = ["kick", "squat", "sit_down", "wave", "clap", "jumping_jack"]
world = SyntheticSource(num_clips=(120, 60), actions=ACTIONS, layout="kinect20", two_person=0.0)


def my_clips():
    """Yields the name of a clip, its array (M, T, V, C), its label, and who performs it."""
    for i, name in enumerate(world.names):
        yield name, world.load(i), int(world.labels[i]), int(world.attributes["subject"][i])


name, clip, label, subject = next(my_clips())
print(name, clip.shape, ACTIONS[label], "performed by", subject)

# %% [markdown]
# A clip is an array `(M, T, V, C)` of persons, frames, joints and coordinates. Clips may differ in persons and frames.
# A *layout* names the joints; mmsync has those of [common sensors and detectors](../data.md#layouts).
#
# ## Look at the data first
#
# Joints in another order than the layout's train without an error, so draw a clip before you do anything else.

# %%
layout = SkeletonLayout.from_config("kinect20")
figure, axes = pyplot.subplots(1, 5, figsize=(10, 2.6), sharex=True, sharey=True)
for axis, t in zip(axes, np.linspace(0, clip.shape[1] - 1, 5).astype(int)):
    for joint, parent in enumerate(layout.parents):
        if parent >= 0:
            axis.plot(*clip[0, t, [joint, parent], :2].T, color="tab:blue")
    axis.set(title=f"frame {t}", aspect="equal")
    axis.axis("off")
figure.set_label("Five frames of a clip of the action wave, as stick figures")

# %% [markdown]
# ## Write a store
#
# A store is one memory-mapped file for clips of any length. A split is a list of names. Keep performers apart: nobody
# should be in both the training and the test clips.

# %%
from mmsync.datasets.sources import StoreSource, StoreWriter

# overwrite=True: a second run of this page replaces the store
with StoreWriter("data/mine", layout="kinect20", class_names=ACTIONS, overwrite=True) as store:
    for name, clip, label, subject in my_clips():
        store.add(name, clip, label, subject=subject)
    store.splits["train"] = world.splits["train"]
    store.splits["test"] = world.splits["test"]

source = StoreSource("data/mine")
print(len(source), "clips:", {split: len(names) for split, names in source.splits.items()})

# %% [markdown]
# `python tools/misc/check_data.py CONFIG` reads every clip of a config's data and names those that cannot be used.
#
# ## Features without training
#
# [motion-s](../motion_s.md) comes with the package. It has learned from generated people, and takes any layout. Its
# features and a classifier of scikit-learn are a baseline that a training of your own has to beat. Here it is almost
# perfect, because the clips of this page come from the world that it has learned from; on
# [recordings](../motion_s.md#results) it is not.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mmsync.apis import MotionEmbedder

place = {name: i for i, name in enumerate(source.names)}
train, test = ([place[name] for name in source.splits[split]] for split in ("train", "test"))


def accuracy(model):
    """Percent of the test clips that a linear classifier on the features of a model recognizes."""
    features = MotionEmbedder(model, layout="kinect20")([source.load(i) for i in range(len(source))])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classifier.fit(features[train], source.labels[train])
    return 100 * classifier.score(features[test], source.labels[test])


print(f"motion-s, as it is: {accuracy('motion-s'):.1f} %, chance {100 / len(ACTIONS):.1f} %")

# %% [markdown]
# ## Train on your clips
#
# `default_store` learns beside motion-s, without looking at labels. On the command line it is
#
# ```bash
# python tools/train.py configs/default/default_store.py --cfg-options root=data/mine
# ```
#
# and takes five minutes. From Python it is the following; ten iterations are enough to see how it works, not to learn
# anything.

# %%
from pathlib import Path

from mmsync.config import check, load
from mmsync.engine.runner import MotionRunner

options = {"root": "data/mine", "max_iters": 10, "train_dataloader.batch_size": 32}
cfg = load("configs/default/default_store.py", options)
cfg.work_dir, cfg.log_level = "work_dirs/mine", "WARNING"
cfg.overwrite = True  # a second run of this page replaces the first
check(cfg)  # names every mistake in a config before anything is built
runner = MotionRunner.from_cfg(cfg)
runner.train()

print(sorted(path.name for path in Path("work_dirs/mine").glob("*.p*")))

# %% [markdown]
# ## Compare
#
# `MotionEmbedder` takes the checkpoint as it took the name of the model.

# %%
print(f"after {options['max_iters']} iterations, which are too few: {accuracy('work_dirs/mine/iter_10.pth'):.1f} %")

# %% [markdown]
# `tools/benchmark.py` evaluates a checkpoint by published [protocols](../catalog/protocols.md):
#
# ```bash
# python tools/benchmark.py work_dirs/mine/iter_10.pth --protocols knn5 logistic
# ```
#
# ## Look at the features
#
# Clips of one action should be near each other. Two principal components are enough to see groups.

# %%
from sklearn.decomposition import PCA

features = MotionEmbedder("motion-s", layout="kinect20")([source.load(i) for i in test])
x, y = PCA(2).fit_transform(StandardScaler().fit_transform(features)).T
figure, axis = pyplot.subplots(figsize=(6, 4.5))
for label, action in enumerate(ACTIONS):
    chosen = source.labels[test] == label
    axis.scatter(x[chosen], y[chosen], s=18, label=action)
axis.set(xlabel="first component", ylabel="second component")
axis.legend(fontsize=8)
figure.set_label("Features of the test clips in two dimensions, colored by action")

# %% [markdown]
# ## Next
#
# - [Data](../data.md): formats that mmsync reads without a store, splits by attributes, layouts of your own.
# - [Training](../training.md): other methods, several GPUs, what a config can change.
# - [Evaluation](../evaluation.md): probes, protocols, pictures.
