"""Skeleton clips of any source, through a pipeline."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Literal, Optional, Union

import numpy as np
import torch
from tqdm import tqdm

from mmsync.datasets import transforms as package
from mmsync.datasets.keyed import KeyedDataset
from mmsync.datasets.sources.skeleton.base import SkeletonSource
from mmsync.datasets.transforms.formatting import PackSkeleton
from mmsync.datasets.transforms.missing import FillJoints
from mmsync.datasets.transforms.normalize import RemapSkeleton
from mmsync.errors import FILL, ConfigError, DataError, LayoutError
from mmsync.registry import DATASETS, TRANSFORMS
from mmsync.store.clip_cache import ClipCache
from mmsync.structures import SkeletonLayout, View

_UNPACKED = "its last transform must pack the clip; end with dict(type='PackSkeleton', num_persons=2)"


@DATASETS.register_module()
class SkeletonDataset(KeyedDataset):
    """Clips ``inputs.skeleton (N, M, T, V, C)`` float32 of a source, through a pipeline.

    A clip that holds NaN, nobody, or a file that cannot be read is replaced by another one.

    Args:
        source: A source of skeletons, or its config.
        pipeline: Configs of transforms; the last is ``PackSkeleton``.
        layout: The layout that the batches are to have; clips of another one are remapped before the pipeline.
        cache: Keep packed clips, which needs a pipeline without random transforms: ``True`` those of this data set in
            memory; ``'disk'`` those of the source in a memory-mapped file under ``MMSYNC_CACHE``, which is written once
            and shared by splits, runs, workers and ranks.
        keyed: ``split``, ``roles``, ``seed`` and the others of :class:`KeyedDataset`.

    Raises:
        ConfigError: The pipeline does not pack the clips, or a transform lacks what it needs.
        LayoutError: The clips cannot be remapped to the layout.
    """

    input_arguments: ClassVar[tuple[str, ...]] = ("pipeline",)
    advice: ClassVar[str] = "mmsync check_data CONFIG lists all problems"

    def __init__(
        self, source: Union[Mapping, SkeletonSource], pipeline: Sequence[Union[dict, Any]],
        layout: Optional[Union[str, Mapping]] = None, cache: Union[bool, Literal["disk"]] = False, **keyed: Any,
    ) -> None:  # fmt: skip
        if cache not in (True, False, "disk"):
            raise ConfigError(f"SkeletonDataset: cache={cache!r}; give True, False or 'disk'")
        self.pipeline = [TRANSFORMS.build(t) if isinstance(t, Mapping) else t for t in pipeline]
        self._wanted, self._draws = layout, not cache
        self._cached: Optional[dict] = None
        self._disk: Optional[ClipCache] = None
        super().__init__(source, **keyed)
        if cache == "disk":
            for built in (type(t).__name__ for t in pipeline if not isinstance(t, dict)):
                text = f"knows a pipeline by its configs; give dict(type=...), not {built} objects, or take cache=True"
                raise ConfigError(f"SkeletonDataset: cache='disk' {text}")
            self._open_disk(pipeline)
        elif cache:
            # no bar for what takes no time, nor where no one sees it move
            bar = tqdm(range(len(self)), desc="packing clips", delay=2, leave=False, disable=None)
            self._cached = self.collate([self.sample(index) for index in bar])

    @property
    def metainfo(self) -> dict[str, Any]:
        """Facts for tools and checkpoints; the layout is that after the pipeline."""
        return {**super().metainfo, "layout": self.layout.name}

    def __getitems__(self, indices: Sequence[int]) -> dict[str, Any]:
        """A finished batch of ``N`` samples: ``inputs.skeleton``, a view ``(N, M, T, V, C)``."""
        if self._disk is not None:
            served = self._served[indices]
            inputs = {"skeleton": View(*self._disk.take(served))}
            return {"inputs": inputs, "data_samples": self.describe(indices, served)}
        if self._cached is None:
            return super().__getitems__(indices)
        samples = self._cached["data_samples"]
        inputs = {"skeleton": self._cached["inputs"]["skeleton"].take(torch.as_tensor(indices))}
        return {"inputs": inputs, "data_samples": [samples[index] for index in indices]}

    def read(self, index: int) -> dict[str, Any]:
        return self._packed(self.raw(index))

    def raw(self, index: int) -> dict[str, Any]:
        """The input of the pipeline: ``keypoint (M, T, V, C)`` float32, maybe read-only, ``person_mask``, ..."""
        rng = self.generator(index) if self._draws else _NoGenerator()
        return {**self._raw(int(self.places[index])), "index": index, "role": self.roles[index], "rng": rng}

    def prepare(self) -> None:
        """Find the layout after the pipeline, with a remap in front of it if it needs one."""
        source = self.source.layout
        self.layout = self._layout_after(source)
        if self._wanted is None:
            return
        wanted = SkeletonLayout.from_config(self._wanted)
        if self.layout != wanted:
            fills = bool(self.pipeline) and isinstance(self.pipeline[0], FillJoints)  # before joints become means
            self.pipeline.insert(int(fills), RemapSkeleton(source, wanted))
            self.layout = self._layout_after(source)
        if self.layout != wanted:
            raise LayoutError(f"SkeletonDataset: layout={wanted.name!r}, but its pipeline makes {self.layout.name!r}")

    def _layout_after(self, layout: SkeletonLayout) -> SkeletonLayout:
        for transform in self.pipeline:
            if hasattr(transform, "output_layout"):
                layout = transform.output_layout(layout)
        return layout

    @classmethod
    def check_config(cls, cfg: Mapping[str, Any], path: str) -> list[str]:
        """A pipeline that does not end by packing; one that ends in a transform of a third party may pack, too."""
        pipeline = cfg.get("pipeline")
        kinds = [step.get("type") for step in pipeline or () if isinstance(step, Mapping)]
        found = [TRANSFORMS.find(kind) if isinstance(kind, str) else kind for kind in kinds]
        if not isinstance(pipeline, (list, tuple)) or None in found:  # reported elsewhere
            return []
        packs = [inspect.isclass(kind) and issubclass(kind, PackSkeleton) for kind in found]
        if not any(packs):
            ours = not found or getattr(found[-1], "__module__", "").startswith(("mmsync.", "mmcv."))
            return [f"{path}.pipeline: {_UNPACKED}"] if ours else []
        if not packs[-1]:
            return [f"{path}.pipeline.{packs.index(True)}: PackSkeleton must be the last; move it to the end"]
        return []

    def _packed(self, results: dict[str, Any]) -> dict[str, Any]:
        for number, transform in enumerate(self.pipeline):
            try:
                results = transform(results)
            except KeyError as error:
                text = f"pipeline.{number}: {type(transform).__name__} needs {error.args[0]!r}, which is not there"
                there = f"what the transforms before it give: {', '.join(map(str, results))}"
                raise ConfigError(f"{self._kind}: {text}; {there}") from error
        if not isinstance(results, Mapping) or not {"inputs", "data_samples"} <= set(results):
            raise ConfigError(f"{self._kind}.pipeline: {_UNPACKED}")
        return results

    def _raw(self, at: int) -> dict[str, Any]:
        source = self.source
        name = source.names[at]
        keypoint = np.asarray(source.load(at))
        if keypoint.dtype.kind not in "fiub":
            raise DataError(f"clip {name}: an array of {keypoint.dtype}, wanted numbers")
        keypoint = keypoint.astype(np.float32, copy=False)
        joints, coords = source.layout.num_joints, source.num_coords
        right = keypoint.ndim == 4 and keypoint.shape[2] == joints and keypoint.shape[3] >= coords
        if not right or 0 in keypoint.shape:
            wanted = f"(M, T, {joints}, C), C at least num_coords={coords}"
            raise DataError(f"clip {name}: shape {keypoint.shape}, wanted {wanted}")
        if not np.isfinite(keypoint).all():
            count = int((~np.isfinite(keypoint)).any(axis=(0, 2, 3)).sum())
            raise DataError(f"clip {name}: {count} of {keypoint.shape[1]} frames hold NaN or infinite values; {FILL}")
        mask = keypoint[..., : source.num_coords].any(axis=(1, 2, 3))
        if not mask.any():
            raise DataError(f"clip {name}: all {keypoint.shape[1]} frames are empty")
        label = -1 if source.labels is None else int(source.labels[at])
        attributes = {key: values[at].item() for key, values in source.attributes.items()}
        return {
            "keypoint": keypoint, "person_mask": mask, "body_slots": source.load_slots(at), "label": label,
            "name": name, "attributes": attributes, "layout": source.layout, "num_coords": source.num_coords,
        }  # fmt: skip

    def _open_disk(self, configs: Sequence[dict]) -> None:
        """Map the packed clips of the source, which are written if they are missing, and replace bad ones."""

        def pack(at: int) -> tuple[torch.Tensor, torch.Tensor]:
            results = {**self._raw(at), "index": at, "role": "train", "rng": _NoGenerator()}
            return self._packed(results)["inputs"]["skeleton"][:2]

        key = pipeline_key(self.pipeline, [*configs, asdict(self.source.layout), asdict(self.layout)])
        self._disk = ClipCache(self.source, key, pack)
        self._served = self.places.copy()
        bad = np.flatnonzero(np.isin(self.places, list(self._disk.bad))).tolist()
        for place in self.places[bad].tolist():
            self.failures.add(place, DataError(self._disk.bad[place]), replaced=True)
        self.failures.check()
        for index in bad:
            tried = (self.places[self.replacement(index, attempt)] for attempt in range(len(self)))
            good = next((other for other in tried if int(other) not in self._disk.bad), None)
            if good is None:
                raise DataError(f"all {len(self)} clips are bad")
            self._served[index] = good


class _NoGenerator:
    """Stands for the generator while clips are packed for good."""

    def __getattr__(self, name: str) -> None:
        raise ConfigError(
            "SkeletonDataset: cache keeps clips for good, but a transform of the pipeline draws random numbers; "
            "drop cache, or that transform (random augmentation belongs into the data preprocessor)"
        )


def pipeline_key(transforms: Sequence[object], configs: Sequence[object]) -> str:
    """Describe a pipeline by its configs, the code of its transforms, and that of ``mmsync.datasets.transforms``."""
    files = set(Path(inspect.getfile(package)).parent.glob("*.py"))
    for transform in transforms:
        for base in type(transform).__mro__[:-1]:
            try:
                files.add(Path(inspect.getfile(base)))
            except (TypeError, OSError):  # typed into an interpreter, or built in
                continue
    code = hashlib.sha1(b"".join(file.read_bytes() for file in sorted(files, key=lambda file: (file.name, file))))
    return json.dumps([configs, code.hexdigest()], sort_keys=True, default=repr)
