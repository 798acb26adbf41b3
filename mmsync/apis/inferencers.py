"""Inferencers in MMPretrain's manner: a model once, then inputs to lists of dicts.

Not on MMEngine's base, whose pipelines take one file a sample: see docs/design/0049.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Optional, Union

import numpy as np
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize

from mmsync.apis.alignment import align_sequences, check_sequences
from mmsync.apis.embedder import Clips, MotionEmbedder
from mmsync.apis.features import read_array
from mmsync.apis.models import load_model
from mmsync.apis.sync import find_offset, offset_settings
from mmsync.datasets.sources import PysklSource, StoreSource
from mmsync.errors import ConfigError, DataError
from mmsync.models.methods.avts import TwoStreamSync
from mmsync.registry import INFERENCERS

Result = dict[str, Any]


@INFERENCERS.register_module()
class FeatureExtractor:
    """Features of skeleton clips, or of people in videos: ``FeatureExtractor("motion-s")(clips)[0]["feature"]``.

    Args:
        model: A name with shipped weights, a checkpoint, a config with its checkpoint as ``pretrained``, or a method.
        pretrained: The checkpoint of a config.
        device: Where the model goes.
        layout: As of :class:`~mmsync.apis.MotionEmbedder`.
        num_coords: As of :class:`~mmsync.apis.MotionEmbedder`.
    """

    def __init__(
        self, model: Any = "motion-s", pretrained: Union[str, Path, None] = None, device: str = "cpu",
        layout: Optional[Union[str, Mapping[str, Any]]] = None, num_coords: Optional[int] = None,
    ) -> None:  # fmt: skip
        self.model = load_model(model, pretrained, device)
        self.embedder = MotionEmbedder(self.model, layout, num_coords, device=device)

    def extract(self, inputs: Any, batch_size: int = 64) -> tuple[Any, Any]:
        """The source of inputs, one clip or many, and the table of what the model predicts of it."""
        source = self.embedder.source([inputs] if getattr(inputs, "ndim", 0) in (3, 4) else inputs)
        return source, self.embedder.set_params(batch_size=batch_size).table(source)

    def extract_bank(self, inputs: Any) -> tuple[Any, Any]:
        """What :meth:`extract` gives; without a layout of its own, clips that follow have that of a store or pickle."""
        source, table = self.extract(inputs)
        if self.embedder.layout is None and isinstance(source, (StoreSource, PysklSource)):
            coords = 2 if source.num_coords == 2 else None  # then a third channel is a score
            self.embedder.set_params(layout=source.layout, num_coords=coords)
        return source, table

    def __call__(self, inputs: Clips, batch_size: int = 64) -> list[Any]:
        """``feature (D,)`` float32 and ``name`` of each clip, or track."""
        table = self.extract(inputs, batch_size)[1]
        return [dict(name=name, feature=row) for name, row in zip(table["name"], table.vectors("feature").numpy())]


@INFERENCERS.register_module()
class MotionClassificationInferencer(FeatureExtractor):
    """Classes of skeleton clips, by a ``Classifier``, or by a linear probe that is fitted on labeled clips.

    Args:
        model: As of :class:`FeatureExtractor`, whose other arguments it takes, too.
        train: Labeled clips: a store, a pickle of PYSKL, or ``(clips, labels)``. ``None``: by a ``Classifier``.
        classes: Names of the classes; ``None``: those of a store, else their numbers.

    Raises:
        ConfigError: Neither a ``Classifier`` nor labeled clips.
        DataError: Too few labels or classes.
    """

    def __init__(
        self, model: Any = "motion-s", train: Any = None, classes: Optional[Sequence[str]] = None, **kwargs: Any
    ) -> None:
        super().__init__(model, **kwargs)
        self.probe, self.classes = None, classes
        if train is None:
            if not hasattr(self.model, "head"):
                raise ConfigError(f"{type(self.model).__name__} classifies nothing; give labeled clips as train=")
            return
        source, table = self.extract_bank(train[0] if isinstance(train, tuple) else train)
        labels = np.asarray(train[1] if isinstance(train, tuple) else table.columns.get("label", ()))
        if labels.dtype.kind not in "iu" and labels.size:
            raise DataError(f"labels are {labels.dtype}; give numbers from 0, -1 for unknown, and names as classes=")
        known = labels >= 0
        if len(labels) != len(table) or len(np.unique(labels[known])) < 2:
            text = f"{len(table)} clips, {len(labels)} labels of {len(np.unique(labels[known]))} classes"
            raise DataError(f"{text}; give each clip a label, of two classes or more")
        self.classes = classes or source.class_names
        if classes and labels.max() >= len(classes):
            raise DataError(f"classes= has {len(classes)} names, but a label is {labels.max()}")
        self.probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        self.probe.fit(table.vectors("feature").numpy()[known], labels[known])

    def __call__(self, inputs: Clips, batch_size: int = 64) -> list[Result]:
        """``pred_label``, ``pred_score``, ``pred_class`` and ``pred_scores (classes,)`` of each clip."""
        table = self.extract(inputs, batch_size)[1]
        if self.probe is None:
            scores, numbers = softmax(table.vectors("score").numpy(), axis=1), None
        else:
            scores, numbers = self.probe.predict_proba(table.vectors("feature").numpy()), self.probe.classes_
        labels = [int(i if numbers is None else numbers[i]) for i in scores.argmax(1)]
        names = [str(label) if self.classes is None else self.classes[label] for label in labels]
        keys = ("pred_label", "pred_class", "pred_score", "pred_scores")
        return [dict(zip(keys, one)) for one in zip(labels, names, scores.max(1).tolist(), scores)]


@INFERENCERS.register_module()
class MotionRetrievalInferencer(FeatureExtractor):
    """The nearest clips of a bank, by the cosine of features.

    Args:
        prototype: Clips of the bank, as of :class:`~mmsync.apis.MotionEmbedder`.
        model: As of :class:`FeatureExtractor`, whose other arguments it takes, too.
    """

    def __init__(self, prototype: Clips, model: Any = "motion-s", **kwargs: Any) -> None:
        super().__init__(model, **kwargs)
        table = self.extract_bank(prototype)[1]
        self.names, self.bank = list(table["name"]), normalize(table.vectors("feature").numpy())

    def __call__(self, inputs: Clips, batch_size: int = 64, topk: int = 5) -> list[list[Result]]:
        """The ``topk`` nearest clips of the bank, for each: ``match_score`` in [-1, 1], ``sample_idx``, ``sample``."""
        if topk < 1:
            raise ConfigError(f"{topk=}: give 1 or more")
        scores = normalize(self.extract(inputs, batch_size)[1].vectors("feature").numpy()) @ self.bank.T
        found, names = zip(scores, np.argsort(-scores, axis=1, kind="stable")[:, :topk].tolist()), self.names
        return [[dict(match_score=float(row[i]), sample_idx=i, sample=names[i]) for i in best] for row, best in found]


class _ModelInferencer:
    """Base of those that take a model and no clips of skeletons.

    Args:
        model: A checkpoint, a config with its checkpoint as ``pretrained``, or a method.
        pretrained: The checkpoint of a config.
        device: Where the model goes.
    """

    def __init__(self, model: Any, pretrained: Union[str, Path, None] = None, device: str = "cpu") -> None:
        self.model: Any = load_model(model, pretrained, device)


@INFERENCERS.register_module()
class SyncInferencer(_ModelInferencer):
    """The offset between sound and pictures of videos, by AVTS, SyncNet or GDT; or of two streams, by TwoStreamSync.

    Args:
        model: A checkpoint, a config with its checkpoint as ``pretrained``, or a method.
        pretrained: The checkpoint of a config.
        device: Where the model goes.

    Raises:
        ConfigError: Another method.
    """

    def __init__(self, model: Any, pretrained: Union[str, Path, None] = None, device: str = "cpu") -> None:
        super().__init__(model, pretrained, device)
        self.of_streams = isinstance(self.model, TwoStreamSync)
        self.rate = offset_settings(self.model)["offset_rate"]

    def __call__(self, inputs: Any, reach: int = 15) -> list[Result]:
        """``offset`` in seconds, positive where the sound, or second stream, is early; ``confidence``, ``distance``.

        Of one or several videos; of streams, of one or several pairs ``(first, second)`` of arrays or ``.npy`` files,
        see :func:`~mmsync.apis.sync.stream_offset`.
        """
        single = isinstance(inputs, (str, Path)) or (self.of_streams and not isinstance(inputs[0], (tuple, list)))
        found, rate = [find_offset(self.model, one, reach) for one in ([inputs] if single else inputs)], self.rate
        return [dict(offset=o.offset / rate, confidence=o.confidence, distance=o.distance) for o in found]


@INFERENCERS.register_module()
class AlignmentInferencer(_ModelInferencer):
    """Frames of one sequence for those of another, by a method on sequences."""

    def __init__(self, model: Any, pretrained: Union[str, Path, None] = None, device: str = "cpu") -> None:
        super().__init__(model, pretrained, device)
        check_sequences(self.model)

    def __call__(self, inputs: Sequence[Any], how: Literal["nearest", "dtw"] = "nearest") -> Result:
        """``index (T,)``, ``distance (T, S)`` and Kendall's ``tau`` of a pair, arrays or paths of ``.npy``."""
        if isinstance(inputs, (str, Path)) or len(inputs) != 2:
            raise DataError("give a pair of sequences, arrays or .npy files")
        pair = [read_array(x) for x in inputs]
        found = align_sequences(self.model, pair[0], pair[1], how)
        return dict(index=found.index, distance=found.distance, tau=found.tau)
