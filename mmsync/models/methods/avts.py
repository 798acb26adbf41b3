"""AVTS (Korbar et al., 2018, Cooperative Learning of Audio and Video Models from Self-Supervised Synchronization)."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor

from mmsync.errors import DataError
from mmsync.models.backbones.base import SkeletonBackbone
from mmsync.models.losses.contrastive import weighted_mean
from mmsync.models.methods.base import Columns, Samples, SelfSupervisedModel, Views
from mmsync.models.modules import Encoder
from mmsync.registry import LOSSES, MODELS, OptConfig
from mmsync.structures import View


class TwoStreamModel(SelfSupervisedModel):
    """Base of methods that tell whether two streams belong together; both are encoders and views of the same names.

    An encoder that keeps the steps of time, by the pooling ``FramePool``, embeds each of them. Their embeddings stand
    side by side as one of the window, scaled such that distances are root mean squares over the steps; both encoders
    must have as many.
    """

    encoders = ("video", "audio")
    views_needed = views_for_features = ("video", "audio")

    def embed(self, views: Views) -> tuple[Tensor, Tensor]:
        """Embeddings ``(N, E)`` of both streams."""
        first, second = (_joined(self.feature_encoder(name)(views[name])) for name in self.encoders)
        return first, second

    def encode_all(self, views: Views) -> dict[str, tuple[Tensor, Tensor]]:
        """Features ``(N, D)`` for probes and embeddings ``(N, E)`` by stream, ``(N, K, .)`` of K items a sample."""
        return {name: _encode(self.feature_encoder(name), views[name]) for name in self.encoders}


class StreamSync(TwoStreamModel):
    """Base of synchronization by a contrastive loss of two towers; a subclass names the encoders in its constructor."""

    def __init__(self, loss: OptConfig, data_preprocessor: OptConfig, threshold: Optional[float], init_cfg: OptConfig):
        super().__init__(data_preprocessor, init_cfg)
        self.criterion = LOSSES.build(loss or dict(type="ContrastiveLoss", margin=0.99, reduction_factor=1.0))
        self.threshold = self.criterion.margin / 2 if threshold is None else threshold

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_sync``; for the log, accuracy at ``threshold`` and mean distances."""
        distance = self._distance(*self.embed(views))
        positive = in_sync(data_samples, distance)
        with torch.no_grad():
            log = {"sync_acc": ((distance < self.threshold) == positive).float().mean()}
            for name, rows in (("pos_distance", positive), ("neg_distance", ~positive)):
                if rows.any():
                    log[name] = weighted_mean(distance, rows)
        return {"loss_sync": self.criterion(distance, positive), **log}

    def predictions(self, views: Views, data_samples: Samples = None) -> Columns:
        """``feature`` of the first stream, ``feature_<second>``, and ``distance (N,)`` of the embeddings.

        If a sample has K items of the second stream, ``distances (N, K)`` stand for the last two.
        """
        first, second = self.encoders
        found = self.encode_all(views)
        (feature, z), (other, z2) = found[first], found[second]
        if z2.dim() == 3:
            return {"feature": feature, "distances": self._distance(z[:, None], z2)}
        return {"feature": feature, f"feature_{second}": other, "distance": self._distance(z, z2)}

    def _distance(self, first: Tensor, second: Tensor) -> Tensor:
        if first.shape[-1] != second.shape[-1]:
            of = " and ".join(f"{z.shape[-1]} of {name}" for z, name in zip((first, second), self.encoders))
            advice = "give both encoders the same out_channels, and as many steps if they keep them"
            raise DataError(f"{type(self).__name__}: embeddings have {of} numbers; {advice}")
        return self.criterion.distance(first, second)


@MODELS.register_module()
class AVTS(StreamSync):
    """AVTS: learn from pictures and sound whether they are in sync, with a contrastive loss of two towers (eq. 1).

    The loss is the mean over the batch of ``y d^2 + (1 - y) max(margin - d, 0)^2``, with ``d = |f_v(v) - f_a(a)|``, and
    ``y`` 1 where the sound is that of the pictures' time, else 0. The data set's ``mix`` and ``CurriculumHook`` say
    which negatives there are, and when they become harder.

    Args:
        video: Config of the encoder of pictures, with a projector.
        audio: Config of the encoder of sound, with a projector to the same width.
        loss: Config of the loss; ``None``: ``ContrastiveLoss(margin=0.99, reduction_factor=1)``, as published.
        data_preprocessor: Config of the preprocessor that makes the views ``video`` and ``audio``.
        threshold: Distance below which the logged accuracy counts a pair as in sync; ``None``: half the margin.
        init_cfg: MMEngine's initialization config.
    """

    def __init__(
        self, video: dict, audio: dict, loss: OptConfig = None, data_preprocessor: OptConfig = None,
        threshold: Optional[float] = None, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(loss, data_preprocessor, threshold, init_cfg)
        self.video, self.audio = MODELS.build(video), MODELS.build(audio)


@MODELS.register_module()
class TwoStreamSync(StreamSync):
    """AVTS's loss on any two streams recorded together, such as two skeletons, or a skeleton and an inertial sensor.

    Embeddings are ``(N, E)`` of either stream.

    Args:
        first: Config of the encoder of the first stream, with a projector; its view has the same name.
        second: Config of the encoder of the second one, with a projector to the same width.
        loss: See :class:`AVTS`, as are the others.
        data_preprocessor: Config of the preprocessor that makes the views ``first`` and ``second``.
        threshold: Distance below which the logged accuracy counts a pair as in sync.
        init_cfg: MMEngine's initialization config.
    """

    encoders = ("first", "second")
    views_needed = views_for_features = ("first", "second")

    def __init__(
        self, first: dict, second: dict, loss: OptConfig = None, data_preprocessor: OptConfig = None,
        threshold: Optional[float] = None, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(loss, data_preprocessor, threshold, init_cfg)
        self.first, self.second = MODELS.build(first), MODELS.build(second)


def in_sync(data_samples: Samples, like: Tensor, data: str = "AudioVisualDataset") -> Tensor:
    """``positive`` of each sample, ``(N,)`` bool, such as whether it is in sync; or a DataError that names ``data``."""
    labels = [sample.get("positive") for sample in data_samples or ()]
    if not labels or None in labels:
        raise DataError(f"the samples do not say which of them are `positive`; use {data}")
    return torch.tensor(labels, device=like.device).flatten().bool()


def _encode(encoder: Encoder, view: View) -> tuple[Tensor, Tensor]:
    """Features and embeddings of a view; of K items a sample, each on its own."""
    tracks = view.present is not None or isinstance(encoder.backbone, SkeletonBackbone)  # of one sample, no items
    several = not tracks and view.data.dim() > encoder.backbone.row_dim and view.data.shape[1] > 1
    count = len(view.data)
    found = encoder.forward_map(view.tracks()[0] if several else view)
    pooled = encoder.pool(found)
    feature = pooled if encoder.probe_neck is encoder.pool_neck else encoder.probe_neck(found)
    parts = feature, _joined(encoder.project(pooled))
    return tuple(x.unflatten(0, (count, -1)) for x in parts) if several else parts  # type: ignore[return-value]


def _joined(z: Tensor) -> Tensor:
    """Embeddings ``(N, E)`` of windows; of those of steps ``(N, T', E)``, as in :class:`TwoStreamModel`."""
    return z if z.dim() == 2 else z.flatten(1) / z.shape[1] ** 0.5
