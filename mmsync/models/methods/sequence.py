"""Base of methods that embed the frames of sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Optional

from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.methods.base import Samples, SelfSupervisedModel, Views
from mmsync.models.modules import build_encoder
from mmsync.ops.frames import map_valid
from mmsync.ops.masked import mean_over_ranks
from mmsync.ops.soft_matching import matched_cosine
from mmsync.registry import MODELS, OptConfig, OptPart, Part
from mmsync.structures import FeatureMap, Frames, View

_POOLS = ("MeanPool", "MaxPool", "SkeletonPool", "VideoPool")
"""Necks that leave no frames."""


class SequenceModel(SelfSupervisedModel):
    """Base of methods on frames: its encoder keeps them, by ``pool=dict(type='FramePool')``.

    Args:
        encoder: Config of the encoder.
        data_preprocessor: Config of the preprocessor that makes the views.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: The encoder pools over time.
    """

    views_needed: ClassVar[Sequence[str]] = ("first", "second")

    def __init__(self, encoder: Part, data_preprocessor: OptPart = None, init_cfg: OptConfig = None) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.encoder = build_encoder(encoder)

    @classmethod
    def check_config(cls, cfg: Mapping[str, Any], path: str) -> list[str]:
        """Tell of an encoder that pools frames before training starts."""
        encoder = cfg.get("encoder")
        if not isinstance(encoder, Mapping) or encoder.get("type") != "Encoder":
            return []
        pool = encoder.get("pool")
        type_ = pool.get("type") if isinstance(pool, Mapping) else "MeanPool" if pool is None else None
        text = f"{type_} pools the frames, which {cls.__name__} compares; set pool=dict(type='FramePool')"
        return [f"{path}.encoder.pool: {text}"] if type_ in _POOLS else []

    def frames(self, view: View, samples: Samples = None, project: bool = True) -> Frames:
        """Embeddings of the frames of a view; without ``project`` the features that probes see."""
        feature = self.encoder.forward_map(view)
        pooled = self._pool(feature)
        data = self.encoder.project(pooled, feature.valid) if project else pooled
        return Frames.of(data, feature.valid, feature.index, samples)

    def _pool(self, feature: FeatureMap) -> Tensor:
        """Features ``(N, T, D)`` of the frames, or a ConfigError."""
        pooled = self.encoder.pool(feature)
        if pooled.dim() == 3:
            return pooled
        text = "compares frames, but its encoder pools them: set model.encoder.pool=dict(type='FramePool')"
        raise ConfigError(f"{type(self).__name__} {text}")


def matched_prediction(predictor: nn.Module, first: Frames, second: Frames, target: Tensor) -> Tensor:
    """Mean cosine of predictions from ``first`` and ``target (N, T, D)``, embeddings of ``second``, at equal frames.

    The mean is over the pairs of frames of all ranks.
    """
    predicted = map_valid(predictor, first.data, first.valid)
    about = (first.index, second.index, first.valid, second.valid)
    return mean_over_ranks(*matched_cosine(predicted, target, *about))


class ContextModel(SequenceModel):
    """Base of methods that see two sequences in the context of each other; evaluation gives one sequence twice.

    Args:
        encoder: Config of the encoder of frames, without projector.
        context: Config of a module of two sequences, ``CrossContext``; its width is filled in.
        data_preprocessor: Config of the preprocessor that makes the views.
        init_cfg: MMEngine's initialization config.
    """

    def __init__(
        self, encoder: Part, context: OptPart = None, data_preprocessor: OptPart = None, init_cfg: OptConfig = None
    ) -> None:
        super().__init__(encoder, data_preprocessor, init_cfg)
        width = dict(channels=self.encoder.pooled_channels)
        self.context = MODELS.build(context or dict(type="CrossContext"), default_args=width)

    def pair(self, views: Views, samples: Samples = None) -> tuple[Frames, Frames]:
        """Both views in the context of each other."""
        first, second = (self.frames(views[name], samples, project=False) for name in ("first", "second"))
        one, two = self.context(first.data, first.valid, second.data, second.valid)
        return first._replace(data=one), second._replace(data=two)

    def extract_feat(self, views: Views, data_samples: Samples = None) -> list[Tensor]:
        """Extract N tensors ``(T_n, D)``: each sequence in the context of itself, before any head."""
        found, valid = self.frame_features(views)
        return list(found) if valid is None else [x[v] for x, v in zip(found, valid)]

    def frame_features(self, views: Views) -> tuple[Tensor, Optional[Tensor]]:
        """Features ``(N, T, D)`` of :meth:`extract_feat` with padding, and ``valid (N, T)``; ``None``: all are."""
        feature = self.encoder.forward_map(views["clip"])
        pooled = self._pool(feature)
        return self.context(pooled, feature.valid, pooled, feature.valid)[0], feature.valid
