"""Skeleton clips of any source, one sample or one finished batch at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Literal, Optional, Union

import numpy as np
import torch
from mmengine.logging import print_log
from torch.utils.data import Dataset
from tqdm import tqdm

from mmsync.datasets.sources.skeleton.base import check_labels
from mmsync.errors import ConfigError, DataError, LayoutError
from mmsync.registry import DATASETS, TRANSFORMS
from mmsync.store.clip_cache import ClipCache
from mmsync.structures import MotionSample, SkeletonLayout, View

from .collate import motion_collate
from .failures import Failures
from .pipeline_key import config_of, pipeline_key
from .selection import Split, select
from .subsets import KEYS, select_subset
from .transforms.normalize import RemapSkeleton


@DATASETS.register_module()
class SkeletonDataset(Dataset):
    """Clips ``(M, T, V, C)`` of a source, through a pipeline.

    What is random is keyed by ``(seed, epoch, index)``: the same sample comes out for any number of workers. A clip
    that holds NaN, nobody, or a file that cannot be read is counted, logged with its name and replaced by another one,
    always the same; once more than ``max_bad_share`` are bad, the run stops with a list.

    Args:
        source: A source, or its config.
        pipeline: Configs of transforms; the last is ``PackSkeleton``.
        split: Which clips. A protocol of the source (``'xview_train'``); conditions on attributes or on ``label``
            (``dict(view=[1, 2], subject=3)``); ``dict(names=[...])``; ``dict(file='names.txt')``, one name a line.
            Keys of a dict hold together. ``None`` takes all.
        roles: Instead of ``split``: one split for each role, ``dict(bank='xview_train', query='xview_test')``; the
            samples carry their role.
        layout: The layout that the batches are to have; clips of another one are remapped before the pipeline. ``None``
            takes what comes.
        seed: Seed of the pipeline's random transforms.
        cache: Keep packed clips, which needs a pipeline without random transforms: ``True`` those of this data set in
            memory; ``'disk'`` those of the source in a memory-mapped file under ``MMSYNC_CACHE``, which is written once
            and shared by splits, runs, workers and ranks.
        num_classes: Labels must be below it; ``None`` takes the source's class names, or the largest label.
        max_bad_share: Share of clips in [0, 1] that may be bad.
        test_mode: Draw the same in every epoch.
        indices: Take the first so many clips of the split, or these.
        subset: Keep the clips that semi-supervised evaluation labels, ``dict(share=0.1, rule='stratified', seed=0)``;
            see :func:`mmsync.datasets.subsets.select_subset`.

    Raises:
        ConfigError: The arguments contradict each other.
        DataError: The source cannot be read, or its labels are out of range.
        LayoutError: The clips cannot be remapped to the layout.
        ProtocolError: No such split, or one without clips.
    """

    config_schema = {"roles": ("train", "bank", "query"), "subset": KEYS}
    collate = staticmethod(motion_collate)  # of a data loader whose config has no collate_fn

    def __init__(
        self,
        source: Union[dict, object],
        pipeline: Sequence[Union[dict, object]],
        split: Optional[Split] = None,
        roles: Optional[Mapping[str, Split]] = None,
        layout: Optional[Union[str, Mapping]] = None,
        seed: int = 0,
        cache: Union[bool, Literal["disk"]] = False,
        num_classes: Optional[int] = None,
        max_bad_share: float = 0.01,
        test_mode: bool = False,
        indices: Optional[Union[int, Sequence[int]]] = None,
        subset: Optional[Mapping] = None,
    ) -> None:
        if split is not None and roles is not None:
            raise ConfigError("SkeletonDataset: give split or roles, not both; roles has a split for each role")
        if cache not in (True, False, "disk"):
            raise ConfigError(f"SkeletonDataset: cache={cache!r}; give True, False or 'disk'")
        self.source = DATASETS.build(source) if isinstance(source, Mapping) else source
        self.pipeline = [TRANSFORMS.build(t) if isinstance(t, Mapping) else t for t in pipeline]
        self.seed, self.test_mode = seed, test_mode

        splits = {"train": split} if roles is None else dict(roles)
        columns = {**self.source.attributes, "label": self.source.labels}
        chosen = {
            role: select(part, self.source.names, self.source.splits, columns) for role, part in splits.items()
        }  # fmt: skip
        self.clips = np.concatenate(list(chosen.values()))
        self.roles = [role for role, part in chosen.items() for _ in part]
        if indices is not None:
            keep = np.arange(min(indices, len(self.clips))) if isinstance(indices, int) else np.asarray(indices)
            if keep.size and not -len(self.clips) <= keep.min() <= keep.max() < len(self.clips):
                raise ConfigError(
                    f"SkeletonDataset: indices up to {keep.max()}, but the split has {len(self.clips)} clips"
                )
            self.clips, self.roles = self.clips[keep], [self.roles[i] for i in keep]

        self.num_classes = self._check_labels(num_classes)
        if subset is not None:
            keep = select_subset(self.labels, subset)
            self.clips, self.roles = self.clips[keep], [self.roles[i] for i in keep]
        self.layout = self._set_layout(layout)
        # shared with the workers: what they find out, and what persistent ones must be told
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()
        hint = "tools/misc/check_data.py CONFIG lists all problems"
        self.failures = Failures(self.names, max_bad_share, "clips", hint, "left out and replaced")
        self._cached: Optional[dict] = None
        self._disk: Optional[ClipCache] = None
        counts = ", ".join(f"{role} {self.roles.count(role)}" for role in chosen)
        print_log(
            f"SkeletonDataset: {counts} clips, {self.num_classes} classes, layout {self.layout}", logger="current"
        )  # fmt: skip
        if cache == "disk":
            self._open_disk([config_of(t) for t in pipeline])
        elif cache:
            # no bar for what takes no time, nor where no one sees it move
            bar = tqdm(range(len(self)), desc="packing clips", delay=2, leave=False, disable=None)
            self._cached = motion_collate([self._sample(i, _NoGenerator()) for i in bar])

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def metainfo(self) -> dict:
        """What tools ask a data set for: ``layout``, ``num_coords``, ``num_classes``, ``classes``."""
        return {
            "layout": self.layout.name,
            "num_coords": self.source.num_coords,
            "num_classes": self.num_classes,
            "classes": self.source.class_names,
        }

    @property
    def names(self) -> list[str]:
        """Clip names in the order of the samples."""
        return [self.source.names[i] for i in self.clips]

    @property
    def labels(self) -> np.ndarray:
        """``(n,)`` int64, -1 for unknown."""
        labels = self.source.labels
        return np.full(len(self), -1) if labels is None else labels[self.clips]

    @property
    def epoch(self) -> int:
        """The epoch that keys what is random."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Tell the epoch, to running workers too."""
        self._epoch.fill_(epoch)

    def bad_clips(self) -> list[str]:
        """Names of the bad clips met so far, by any worker."""
        return self.failures.names

    def __getitem__(self, index: int) -> dict:
        """One packed sample: ``inputs.skeleton``, a view ``(M, T, V, C)``, and ``data_samples``."""
        index = range(len(self))[index]
        if self._disk is not None:
            batch = self.__getitems__([index])
            view = batch["inputs"]["skeleton"].take(0)
            return {"inputs": {"skeleton": view}, "data_samples": batch["data_samples"][0]}
        if self._cached is not None:
            view = self._cached["inputs"]["skeleton"].take(index)
            return {"inputs": {"skeleton": view}, "data_samples": self._cached["data_samples"][index]}
        return self._sample(index)

    def __getitems__(self, indices: Sequence[int]) -> dict:
        """A finished batch of ``N`` samples: ``inputs.skeleton``, a view ``(N, M, T, V, C)``."""
        if self._disk is not None:
            return {
                "inputs": {"skeleton": View(*self._disk.take(self._served[indices]))},
                "data_samples": self._samples(indices),
            }
        if self._cached is None:
            return motion_collate([self._sample(index) for index in indices])
        rows = torch.as_tensor(indices)
        samples = self._cached["data_samples"]
        return {
            "inputs": {"skeleton": self._cached["inputs"]["skeleton"].take(rows)},
            "data_samples": [samples[index] for index in indices],
        }

    def raw(self, index: int) -> dict:
        """The results that the pipeline starts from.

        Args:
            index: Index of the sample.

        Returns:
            ``keypoint (M, T, V, C)`` float32, possibly a read-only view; ``person_mask (M,)``, ``label``, ``name``, ...

        Raises:
            DataError: The clip holds NaN, or nobody.
        """
        results = self._raw(int(self.clips[index]))
        epoch = 0 if self.test_mode else self.epoch
        rng = np.random.default_rng((self.seed, epoch, index, 0))  # the last number is the view
        return {**results, "index": index, "role": self.roles[index], "rng": rng}

    def _raw(self, at: int) -> dict:
        """What a clip of the source is, whatever the split."""
        name = self.source.names[at]
        keypoint = np.asarray(self.source.load(at), dtype=np.float32)
        if keypoint.ndim != 4 or keypoint.shape[2] != self.source.layout.num_joints or 0 in keypoint.shape:
            raise DataError(f"clip {name}: shape {keypoint.shape}, wanted (M, T, {self.source.layout.num_joints}, C)")
        if not np.isfinite(keypoint).all():
            count = int((~np.isfinite(keypoint)).any(axis=(0, 2, 3)).sum())
            raise DataError(f"clip {name}: {count} of {keypoint.shape[1]} frames hold NaN or infinite values")
        mask = keypoint[..., : self.source.num_coords].any(axis=(1, 2, 3))
        if not mask.any():
            raise DataError(f"clip {name}: all {keypoint.shape[1]} frames are empty")
        return {
            "keypoint": keypoint,
            "person_mask": mask,
            "body_slots": self.source.load_slots(at) if hasattr(self.source, "load_slots") else None,
            "label": -1 if self.source.labels is None else int(self.source.labels[at]),
            "name": name,
            "attributes": {key: values[at].item() for key, values in self.source.attributes.items()},
            "layout": self.source.layout,
            "num_coords": self.source.num_coords,
        }

    def _open_disk(self, configs: Sequence[dict]) -> None:
        """Maps the packed clips of the source, writes them if they are not there, and sorts out bad ones."""
        no_generator = _NoGenerator()

        def pack(at: int) -> tuple[torch.Tensor, torch.Tensor]:
            results = {**self._raw(at), "index": at, "role": "train", "rng": no_generator}
            for transform in self.pipeline:
                results = transform(results)
            return results["inputs"]["skeleton"][:2]

        key = pipeline_key(self.pipeline, [*configs, asdict(self.source.layout), asdict(self.layout)])
        self._disk = ClipCache(self.source, key, pack)
        self._served = self.clips.copy()
        for index in np.flatnonzero(np.isin(self.clips, list(self._disk.bad))).tolist():
            self.failures.add(index, DataError(self._disk.bad[int(self.clips[index])]))
        for index in self.failures.indices:
            tried = (self._replacement(index, attempt) for attempt in range(len(self)))
            good = next((other for other in tried if other not in self.failures), None)
            if good is None:
                raise DataError(f"all {len(self)} clips are bad")
            self._served[index] = self.clips[good]

    def _samples(self, indices: Sequence[int]) -> list[MotionSample]:
        """What belongs to the clips of the disk cache."""
        clips = self._served[indices]
        columns = {key: values[clips].tolist() for key, values in self.source.attributes.items()}
        columns["name"] = [self.source.names[at] for at in clips.tolist()]
        columns["index"] = list(indices)
        columns["role"] = [self.roles[index] for index in indices]
        labels = [-1] * len(clips) if self.source.labels is None else self.source.labels[clips].tolist()
        return [
            MotionSample.quick(gt_label=label, metainfo=dict(zip(columns, row)))
            for label, row in zip(labels, zip(*columns.values()))
        ]

    def _sample(self, index: int, rng: Optional[_NoGenerator] = None) -> dict:
        other = index
        for attempt in range(len(self) + 1):
            if other not in self.failures:
                try:
                    results = self.raw(other)
                    results["index"] = index
                    results["rng"] = rng or results["rng"]
                    for transform in self.pipeline:
                        results = transform(results)
                    return results
                except (DataError, OSError) as error:
                    self.failures.add(other, error)
            other = self._replacement(index, attempt)
        raise DataError(f"all {len(self)} clips are bad")

    def _replacement(self, index: int, attempt: int) -> int:
        """Another sample of the same role, the same one in every epoch and worker."""
        same = [i for i, role in enumerate(self.roles) if role == self.roles[index]]
        return same[int(np.random.default_rng((self.seed, index, attempt)).integers(len(same)))]

    def _check_labels(self, num_classes: Optional[int]) -> int:
        if num_classes is None and self.source.class_names:
            num_classes = len(self.source.class_names)
        if self.source.labels is None:
            return num_classes or 0
        check_labels(self.labels, self.names, "SkeletonDataset", num_classes)
        return num_classes if num_classes is not None else int(self.labels.max(initial=-1)) + 1

    def _set_layout(self, layout: Optional[Union[str, Mapping]]) -> SkeletonLayout:
        """The layout after the pipeline, which gets a remap if it must."""
        source = self.source.layout
        if layout is None:
            return self._layout_after(source)
        wanted = SkeletonLayout.from_config(layout)
        if self._layout_after(source) != wanted:
            self.pipeline.insert(0, RemapSkeleton(source, wanted))
        found = self._layout_after(source)
        if found != wanted:
            raise LayoutError(f"SkeletonDataset: layout={wanted.name!r}, but its pipeline makes {found.name!r}")
        return found

    def _layout_after(self, layout: SkeletonLayout) -> SkeletonLayout:
        for transform in self.pipeline:
            if hasattr(transform, "output_layout"):
                layout = transform.output_layout(layout)
        return layout


class _NoGenerator:
    """Stands for the generator while clips are packed for good."""

    def __getattr__(self, name: str) -> None:
        raise ConfigError(
            "SkeletonDataset: cache keeps clips for good, but a transform of the pipeline draws random numbers; "
            "drop cache, or that transform (random augmentation belongs into the data preprocessor)"
        )
