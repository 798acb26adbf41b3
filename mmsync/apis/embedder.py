"""Features of clips of one's own: arrays, files, stores and videos, also in a pipeline of scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin

from mmsync.apis.features import feature_column, quiet, read_array
from mmsync.apis.models import load_model
from mmsync.apis.tracks import embed_tracks, settings_of, source_of_tracks, store_of_videos, takes_tracks
from mmsync.datasets import SkeletonDataset
from mmsync.datasets.sources.skeleton.base import SkeletonSource
from mmsync.datasets.sources.skeleton.memory import MemorySource
from mmsync.datasets.sources.tracks.base import TrackSource
from mmsync.errors import ConfigError, DataError
from mmsync.media.index import SUFFIXES
from mmsync.ops.body_frame import FRAMES
from mmsync.registry import DATASETS, MODELS
from mmsync.store.tracks import is_track_store
from mmsync.structures import FeatureTable

Clips = Union[np.ndarray, str, Path, Sequence[Union[np.ndarray, str, Path]]]


class MotionEmbedder(TransformerMixin, BaseEstimator):
    """Features of skeleton clips, or of people in videos, by a trained model::

        embedder = MotionEmbedder(layout="kinect20")
        feature = embedder(clip)          # (T, V, C) of one person or (M, T, V, C): (D,)
        features = embedder([clip, ...])  # or an array (N, M, T, V, C), a store, a pickle of PYSKL: (N, D)

    It is a transformer of scikit-learn, which has nothing to fit: ``make_pipeline(MotionEmbedder(), StandardScaler(),
    LogisticRegression())`` takes a list of clips. An ``.npy`` file holds one such array.

    A model on tracks of video, such as ``Sync3D`` with I3D, takes videos with boxes: ``talk.mp4``, beside which a
    file ``talk.txt`` in the format of MOT has the boxes of its people; or a store of tracks. There is a row for each
    track, by video, person and time; ``embedder.table(embedder.source(...))["name"]`` names them. Up to 5 frames that
    the tracker missed are filled. Crops are kept in ``MMSYNC_CACHE``: 150 KB for a person and frame at 224 pixels.

    The pipeline is the one that the model was evaluated with. A model in the body frame, such as motion-s, takes clips
    of any layout; for others clips are remapped to the model's layout.

    Cost: the model's forward pass over all persons who are there; motion-s takes 3 ms a person on one CPU core.

    Args:
        model: A model of :func:`~mmsync.apis.get_model` whose weights are shipped, a checkpoint, or a method that
            :func:`~mmsync.apis.init_model` built.
        layout: Joints of arrays: a name, or a layout of one's own as a dict; ``None``: those of the model's data. A
            store knows its own, and ``None`` takes that of a pickle from its number of joints.
        num_coords: Channels of arrays and pickles that are coordinates; ``None``: 2 of two channels, else 3.
        batch_size: Clips in a batch; of windows of video an eighth as many.
        device: Where the model runs.

    Raises:
        DataError: The input is none of these, a clip has other joints than the layout, or a video has no boxes.
        ConfigError: The model is neither for skeletons nor for tracks.
    """

    def __init__(
        self, model: Any = "motion-s", layout: Optional[Union[str, Mapping[str, Any]]] = None,
        num_coords: Optional[int] = None, batch_size: int = 64, device: str = "cpu",
    ) -> None:  # fmt: skip
        self.model, self.layout, self.num_coords = model, layout, num_coords
        self.batch_size, self.device = batch_size, device

    def __call__(self, clips: Clips) -> np.ndarray:
        """Features ``(N, D)`` float32 of clips, or ``(D,)`` of the array of one clip."""
        if isinstance(clips, (np.ndarray, torch.Tensor)) and clips.ndim in (3, 4):
            if clips.ndim == 4 and len(clips) > 2:
                text = f"{tuple(clips.shape)} is one clip of {len(clips)} persons; for several clips give x[:, None]"
                warnings.warn(text, stacklevel=2)
            return self._features([clips])[0]
        return self._features(clips)

    def fit(self, X: Any = None, y: Any = None) -> MotionEmbedder:
        """Load the model; nothing is learned."""
        self._method()
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def transform(self, X: Clips) -> np.ndarray:
        """Features ``(N, D)`` float32, or what scikit-learn's ``set_output`` asks for."""
        return self._features(X)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """``motionembedder0`` and so on, ``(D,)``, once clips have been transformed."""
        if not hasattr(self, "_width"):
            raise ConfigError("MotionEmbedder: how many features there are is known once clips have been transformed")
        return np.array([f"motionembedder{i}" for i in range(self._width)], dtype=object)

    def _features(self, X: Clips) -> np.ndarray:
        features = self.table(self.source(X)).vectors(feature_column(type(self._method()))).numpy()
        if not np.isfinite(features).all():
            wrong = int(np.argmin(np.isfinite(features).all(1)))
            raise DataError(f"features of clip {wrong} are not finite; are its coordinates of a sensible size?")
        self._width = features.shape[1]
        return features

    def table(self, source: Union[SkeletonSource, TrackSource]) -> FeatureTable:
        """What the model predicts of a source, with its names and, of skeletons, its labels."""
        method, found = self._method(), []
        if not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise ConfigError(f"batch_size={self.batch_size!r}: give a number of clips, 1 or more")
        if isinstance(source, TrackSource) != takes_tracks(method):
            kind = "tracks of video" if takes_tracks(method) else "clips of skeletons"
            raise DataError(f"{type(method).__name__} takes {kind}")
        if isinstance(source, TrackSource):
            return embed_tracks(method, source, max(1, self.batch_size // 8))
        preprocessor = self._preprocessor(method, source)
        with quiet():
            data = SkeletonDataset(source, **self._pipeline(method, source, preprocessor))
        own, method.data_preprocessor = method.data_preprocessor, preprocessor
        try:
            with torch.no_grad():
                for first in range(0, len(data), self.batch_size):
                    rows = range(first, min(first + self.batch_size, len(data)))
                    table = method.test_step(data.collate([data.read(index) for index in rows]))
                    found.append(table.detach())
        finally:
            method.data_preprocessor = own
        return FeatureTable.cat(found)

    def _method(self) -> Any:
        """The model, loaded once for each setting of ``model`` and ``device``."""
        key = (id(self.model) if isinstance(self.model, torch.nn.Module) else str(self.model), self.device)
        if getattr(self, "_loaded", (None,))[0] != key:
            self._loaded = (key, self._load())
        return self._loaded[1]

    def _load(self) -> Any:
        method = load_model(self.model, device=self.device)
        modality = getattr(getattr(method, "data_preprocessor", None), "modality", None)
        if not (modality == "skeleton" or takes_tracks(method)) or not hasattr(method, "cfg"):
            text = "is not a method on skeletons, or on tracks of video, of init_model"
            raise ConfigError(f"MotionEmbedder: {type(method).__name__} {text}")
        if takes_tracks(method) and getattr(method, "second_encoder", None) is not None:
            raise ConfigError(
                "MotionEmbedder: the model has an encoder for each of two people, and no feature of one alone"
            )
        return method

    def source(self, clips: Clips) -> Union[SkeletonSource, TrackSource]:
        """What gives the clips."""
        if takes_tracks(self._method()):
            return self._tracks(clips)
        if isinstance(clips, (str, Path)):
            path = Path(clips)
            if path.is_dir():
                return DATASETS.build(dict(type="StoreSource", root=str(path)))
            if path.suffix in (".pkl", ".pickle"):
                return DATASETS.build(
                    dict(type="PysklSource", ann_file=str(path), layout=self.layout, num_coords=self.num_coords)
                )
            clips = [clips]
        if not hasattr(clips, "__iter__"):
            raise DataError(f"clips are {type(clips).__name__}; give arrays, paths of .npy files, a store or a pickle")
        if isinstance(clips, np.ndarray) and clips.dtype == object:
            clips = list(clips)
        if isinstance(clips, (np.ndarray, torch.Tensor)) and clips.ndim != 5:
            raise DataError(f"clips are an array {tuple(clips.shape)}; give (N, M, T, V, C), or a list of clips")
        arrays = [_array(clip) for clip in clips]
        if isinstance(clips, list) and len(arrays) == 1 and arrays[0].ndim == 5:  # a file of many
            arrays = list(arrays[0])
        return MemorySource(arrays, self.layout or self._method().data_preprocessor.layout, self.num_coords)

    def _tracks(self, clips: Any) -> TrackSource:
        """The people of a store of tracks, or of videos with boxes."""
        given = [clips] if isinstance(clips, (str, Path)) else list(clips)
        if not given or not all(isinstance(one, (str, Path)) for one in given):
            raise DataError("the model takes tracks of video: give paths of videos with boxes, or of a store of tracks")
        paths = [Path(one) for one in given]
        if len(set(paths)) < len(paths):
            raise DataError("a video is given twice")
        with quiet():
            root = paths[0] if len(paths) == 1 and paths[0].is_dir() else store_of_videos(paths)
            if not is_track_store(root):
                raise DataError(f"{root} is no store of tracks; `mmsync tracks VIDEOS BOXES OUT` makes one")
            return source_of_tracks(root, settings_of(self._method())["source"])

    def _preprocessor(self, method: Any, source: SkeletonSource) -> Any:
        """The model's, or for a model in the body frame one of the clips' layout."""
        own = method.data_preprocessor
        if not getattr(own, "body_frame", False):
            return own
        settings = {**method.cfg.model.data_preprocessor, "views": None, "programs": 0}
        settings.update(layout=source.layout, num_coords=source.num_coords)
        made = MODELS.build(settings).to(self.device).eval()
        made.feature_views = own.feature_views
        return made

    def _pipeline(self, method: Any, source: SkeletonSource, preprocessor: Any) -> dict[str, Any]:
        """Pipeline and layout of the data set; in the body frame clips of any size will do."""
        dataset = method.cfg.test_dataloader.dataset
        if not getattr(preprocessor, "body_frame", False):
            return dict(pipeline=dataset.pipeline, layout=preprocessor.layout)
        steps = [dict(type="FillJoints"), dict(type="ResizeClip", length=FRAMES), dict(type="PackSkeleton")]
        return dict(pipeline=steps, layout=source.layout)


def _array(clip: Union[np.ndarray, torch.Tensor, str, Path]) -> np.ndarray:
    """A clip, or what an ``.npy`` file holds."""
    if isinstance(clip, (str, Path)) and Path(clip).suffix != ".npy":
        text = "; videos are for models on tracks, such as Sync3D" if Path(clip).suffix.lower() in SUFFIXES else ""
        raise DataError(f"{clip} is no .npy file, pickle of PYSKL (.pkl) or folder of a store{text}")
    return read_array(clip)
