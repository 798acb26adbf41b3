"""Skeleton pickles of PYSKL and MMAction2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.converters.ntu import expected_counts
from mmsync.datasets.sources.base import NUMBERED, attributes_from_names
from mmsync.datasets.sources.safe_pickle import load_pickle
from mmsync.datasets.sources.skeleton.base import SkeletonSource
from mmsync.errors import DataError, LayoutError
from mmsync.registry import DATASETS
from mmsync.structures import PICTURE_LAYOUTS, SkeletonLayout

# the layout of a number of joints where the file does not name it
_LAYOUT_OF = {25: "ntu25", 20: "kinect20", 17: "coco17", 15: "sbu15", 13: "penn13", 18: "openpose18", 42: "hands42"}
_NAME_KEYS = ("frame_dir", "filename", "video_id", "name")


@DATASETS.register_module()
class PysklSource(SkeletonSource):
    """PYSKL / MMAction2 skeleton pickle; clips ``(M, T, V, 3)``: x, y, z, or x, y and score.

    The file holds a list of annotations, or ``dict(split=..., annotations=[...])``. An annotation has ``keypoint``
    ``(M, T, V, 2 or 3)`` (or ``(T, V, C)`` of one person), a name (``frame_dir``, ``filename``), and maybe ``label``,
    ``total_frames``, ``keypoint_score (M, T, V)``, ``img_shape``. Without a score, 2D joints get 1. The pickle is held
    in memory as it is (usually float16); clips become float32 one by one.

    Args:
        ann_file: The pickle.
        layout: The joints; ``None`` derives it from their number (25 NTU, 17 COCO, 18 OpenPose, 20 Kinect v1 ...).
        num_coords: 2 or 3; ``None``: 2 with two channels or for layouts of picture detectors.
        class_names: Names of the labels.

    Raises:
        DataError: The file is damaged, unsafe, or of another kind.
        LayoutError: The clips do not have the layout's joints.
    """

    def __init__(
        self, ann_file: Union[str, Path], layout: Optional[Union[str, Mapping]] = None,
        num_coords: Optional[int] = None, class_names: Optional[Sequence[str]] = None,
    ) -> None:  # fmt: skip
        content = load_pickle(ann_file)
        if isinstance(content, Mapping) and "annotations" in content:
            annotations, splits = content["annotations"], content.get("split") or {}
        else:
            annotations, splits = content, {}
        if not isinstance(annotations, (list, tuple)) or not all(isinstance(a, Mapping) for a in annotations):
            keys = f" with keys {list(content)[:6]}" if isinstance(content, Mapping) else ""
            raise DataError(f"{ann_file}: no PYSKL pickle, but {type(content).__name__}{keys}")
        if not annotations:
            raise DataError(f"{ann_file}: the list of annotations is empty")
        self.names, fields = [], []
        for i, item in enumerate(annotations):
            name = next((str(item[key]) for key in _NAME_KEYS if key in item), None)
            if name is None or "keypoint" not in item:
                missing = "keypoint" if name else "frame_dir"
                hint = " (raw_file: keypoints in extra files are not read; merge them first)" * ("raw_file" in item)
                raise DataError(f"{ann_file}: annotation {i} ({name}) has no {missing}{hint}; it has {list(item)}")
            try:
                fields.append(_fields(item))
            except (ValueError, TypeError) as error:
                raise DataError(f"{ann_file}: annotation {i} ({name}) cannot be read: {error}") from error
            self.names.append(name)
        self._clips, self._scores, self._frames, labels = map(list, zip(*fields))
        self._check_shapes(ann_file, layout, num_coords)
        self.labels = np.array(labels, dtype=np.int64) if max(labels) >= 0 else None
        self.class_names = None if class_names is None else list(class_names)
        if not isinstance(splits, Mapping):
            raise DataError(f"{ann_file}: split is a {type(splits).__name__}, wanted dict(name=[clip names])")
        for key, value in splits.items():
            if not isinstance(value, (list, tuple, set, np.ndarray)):
                raise DataError(f"{ann_file}: split {key!r} is {str(value)[:60]!r}; wanted a list of clip names")
        self.splits = {str(key): [str(name) for name in value] for key, value in splits.items()}
        self.attributes = attributes_from_names(self.names)
        for axis, key in enumerate(("height", "width")):
            if all(np.size(item.get("img_shape", ())) > 1 for item in annotations):
                self.attributes[key] = np.array([int(item["img_shape"][axis]) for item in annotations])
        expected = {}
        if "setup" in self.attributes and self.num_coords == 3:
            # clips with a usable Kinect skeleton; pickles of picture detectors hold all clips
            published = expected_counts("ntu60" if self.attributes["action"].max() <= 60 else "ntu120")
            usual = {split: split.replace("_val", "_test") for split in self.splits}
            expected = {split: published[name] for split, name in usual.items() if name in published}
        self.check(ann_file, expected)

    def _check_shapes(
        self, ann_file: Union[str, Path], layout: Optional[Union[str, Mapping]], num_coords: Optional[int]
    ) -> None:
        shapes = {clip.shape[2:] for clip in self._clips}
        if len(shapes) > 1 or len(next(iter(shapes))) != 2:
            raise DataError(f"{ann_file}: keypoint is (M, T, V, C) with one V and C; found {sorted(shapes)[:4]}")
        joints, channels = shapes.pop()
        if layout is None and joints not in _LAYOUT_OF:
            raise LayoutError(f"{ann_file}: no layout is known by its {joints} joints; give layout=")
        if layout is None and (joints, channels) == (25, 2):
            raise LayoutError(f"{ann_file}: 25 joints in 2D may be 'openpose25' or 'ntu25'; give layout=")
        self.layout = SkeletonLayout.from_config(_LAYOUT_OF[joints] if layout is None else layout)
        if self.layout.num_joints != joints:
            text = f"the clips have {joints} joints, layout {self.layout.name!r} {self.layout.num_joints}"
            raise LayoutError(f"{ann_file}: {text}; is this a 2D pickle with a 3D config, or the other way round?")
        if num_coords is None:
            num_coords = 2 if channels == 2 or self.layout.name in PICTURE_LAYOUTS else 3
        if channels not in (2, 3) or channels < num_coords:
            raise DataError(f"{ann_file}: keypoint has {channels} channels, wanted {num_coords}")
        self.num_coords = num_coords
        longer = [n for n, clip, t in zip(self.names, self._clips, self._frames) if t > clip.shape[1]]
        if longer:
            text = f"{ann_file}: total_frames exceeds the keypoints of {len(longer)} clips, first {longer[0]}"
            print_log(f"{text}; frames beyond the keypoints are ignored", logger="current", level=30)

    def load(self, index: int) -> np.ndarray:
        """Clip ``(M, T, V, 3)`` float32, without the frames beyond ``total_frames``."""
        clip = self._clips[index][:, : self._frames[index]].astype(np.float32)
        if self.num_coords == 3:
            return clip
        score = self._scores[index]
        if score is None and clip.shape[-1] == 3:
            return clip
        # without a score, a joint at (0, 0) was not found
        score = clip.any(axis=-1) if score is None else score[:, : self._frames[index]]
        return np.concatenate([clip[..., :2], score[..., None].astype(np.float32)], axis=-1)


def _fields(item: Mapping) -> tuple[np.ndarray, Optional[np.ndarray], int, int]:
    """Keypoints ``(M, T, V, C)``, scores ``(M, T, V)`` or ``None``, number of frames and label of an annotation."""
    keypoint = np.asarray(item["keypoint"])
    keypoint = keypoint[None] if keypoint.ndim == 3 else keypoint
    score = item.get("keypoint_score")
    if score is not None:
        score = np.asarray(score)
        if score.size != np.prod(keypoint.shape[:3]):
            raise ValueError(f"keypoint is {keypoint.shape}, but keypoint_score {score.shape}")
        score = score.reshape(keypoint.shape[:3])
    frames, label = item.get("total_frames"), item.get("label")
    frames = (keypoint.shape[1] if keypoint.ndim > 1 else 0) if frames is None else int(frames)
    if label is not None and (isinstance(label, str) or np.ndim(label) or int(label) != label):
        raise ValueError(f"label is {label!r}; {NUMBERED}")
    if keypoint.dtype.kind not in "fiu" or frames < 0:
        raise ValueError(f"keypoint is {keypoint.dtype} {keypoint.shape}, total_frames {frames}")
    return keypoint, score, frames, -1 if label is None else int(label)
