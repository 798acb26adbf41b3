"""Sync3D (Sannigrahi, 2020): interactions of people as synchronisation of their tracks."""

from __future__ import annotations

from typing import Any, Literal, Optional

import torch
from torch import Tensor

from mmsync.errors import ConfigError, DataError
from mmsync.models.losses.contrastive import weighted_mean
from mmsync.models.methods.base import Samples, SelfSupervisedModel, Views
from mmsync.models.modules import Encoder
from mmsync.ops.dist import all_gather
from mmsync.registry import LOSSES, MODELS
from mmsync.structures import View

FUSIONS = ("concat", "absdiff", "product", "symmetric")


@MODELS.register_module()
class Sync3D(SelfSupervisedModel):
    """Learns from pairs of tracks whether two people move in step.

    The view ``tracks`` holds video ``(N, K, C, T, H, W)`` or skeletons ``(N, K, T, V, C)``; K tracks are K clips of one
    forward pass. Embeddings of pairs that are close in space and time are drawn together, others pushed apart.

    * Labelled pairs: K is 2 and the samples have ``positive``. The loss is the mean over the pairs.
    * Scenes, else: all K (K - 1) / 2 pairs of a scene, positive where the samples' ``aligned (K, K)`` says so (all,
      without it); and as negatives the K^2 pairs of people of a scene and the next scene of the global batch. With
      K from 2 on that is at most one positive in five, about the one in four of labelled pairs.

    Args:
        encoder: Config of the encoder, with a projector: of one track, a clip of one person.
        loss: Config of the loss; ``None``: ``ContrastiveLoss``.
        data_preprocessor: Makes the view ``tracks``.
        share_weights: One encoder for both tracks; else each has its own, and K must be 2.
        fusion: How the tracks' features become one for probes: ``'concat'`` ``(N, K D)``; ``(N, D)`` ``'absdiff'`` and
            ``'product'`` of the two (the mean over the pairs of a scene), or ``'symmetric'``, their mean, on which a
            linear probe is that on ``'concat'`` averaged over both orders.
        threshold: Distance below which a pair is called positive, for the logged accuracy; ``None``: half the margin.
        init_cfg: MMEngine's initialisation config.

    Raises:
        ConfigError: An unknown fusion.
    """

    views_needed = ("tracks",)
    views_for_features = ("tracks",)

    def __init__(
        self,
        encoder: dict,
        loss: Optional[dict] = None,
        data_preprocessor: Optional[dict] = None,
        share_weights: bool = True,
        fusion: Literal["concat", "absdiff", "product", "symmetric"] = "concat",
        threshold: Optional[float] = None,
        init_cfg: Optional[dict] = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        if fusion not in FUSIONS:
            raise ConfigError(f"model.fusion={fusion!r}: use one of {', '.join(FUSIONS)}")
        self.encoder = MODELS.build(encoder)
        self.second_encoder = None if share_weights else MODELS.build(encoder)
        self.criterion = LOSSES.build(loss or dict(type="ContrastiveLoss"))
        self.fusion = fusion
        self.threshold = self.criterion.margin / 2 if threshold is None else threshold

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """The loss of the pairs of a batch.

        Args:
            views: ``tracks``, a batch of N pairs or scenes.
            data_samples: Their labels ``positive`` or ``aligned``; classes are not used.

        Returns:
            dict: ``loss_pair``; for the log, ``pair_acc`` at ``threshold``, and the mean distances ``pos_distance`` and
            ``neg_distance``, where there are such pairs.
        """
        embedding, present = self._encode(views["tracks"], probe=False)[1:]
        labels = [sample.get("positive") for sample in data_samples or ()]
        if embedding.shape[1] == 2 and labels and None not in labels:
            distance = self.criterion.distance(*embedding.unbind(1))
            positive, weight = torch.tensor(labels, device=distance.device).bool(), None
        else:
            distance, positive, weight = self._scene_pairs(embedding, present, data_samples)
        log = self._log(distance.detach(), positive, weight)
        return {"loss_pair": self.criterion(distance, positive, weight), **log}

    def extract_feat(self, views: Views, data_samples: Samples = None) -> Tensor:
        """Features before the projector, of all tracks: ``(N, K D)``, or ``(N, D)``, see ``fusion``."""
        feature, _, present = self._encode(views["tracks"], probe=True)
        return self._fuse(feature, present)

    def predictions(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """``feature`` and, of K > 1, ``distance (N,)`` of the embeddings, the mean over a scene's pairs."""
        feature, embedding, present = self._encode(views["tracks"], probe=True)
        found = {"feature": self._fuse(feature, present)}
        if embedding.shape[1] > 1:
            first, second = _pairs(embedding.shape[1], embedding.device)
            distance = self.criterion.distance(embedding[:, first], embedding[:, second])
            found["distance"] = _mean_of_present(distance, present[:, first] & present[:, second])
        return found

    def _encode(self, view: View, probe: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Features ``(N, K, D)`` (those for probes, if asked for), embeddings ``(N, K, E)``, present ``(N, K)``."""
        n, k = view.data.shape[:2]
        if self.second_encoder is None:
            found = [_branch(self.encoder, view, probe)]
        elif k != 2:
            raise DataError(f"share_weights=False: there are two encoders, but {k} tracks")
        else:
            found = [
                _branch(encoder, _track(view, i), probe)
                for i, encoder in enumerate((self.encoder, self.second_encoder))
            ]
        present = view.present
        if present is None:
            present = torch.ones(n, k, dtype=torch.bool, device=view.data.device)
        # (N K, D) once, or (N, D) twice
        feature, embedding = (torch.stack(part, 1).unflatten(0, (n, -1)).flatten(1, 2) for part in zip(*found))
        return feature, embedding, present

    def _scene_pairs(self, z: Tensor, mask: Tensor, data_samples: Samples) -> tuple[Tensor, Tensor, Tensor]:
        """Distances, labels and weights ``(P,)`` of all pairs of all scenes of the global batch."""
        aligned: Any = [sample.get("aligned") for sample in data_samples or ()]
        if not aligned or None in aligned:
            aligned = torch.ones(*mask.shape, mask.shape[1], dtype=torch.bool)
        aligned = all_gather(torch.as_tensor(aligned).to(z.device).float()) > 0
        z, mask = all_gather(z, with_grad=True), all_gather(mask.float()) > 0
        first, second = _pairs(z.shape[1], z.device)
        inside = self.criterion.distance(z[:, first], z[:, second])
        across = self.criterion.distance(z[:, :, None], z.roll(-1, 0)[:, None])
        there = mask[:, :, None] & mask.roll(-1, 0)[:, None] & (len(z) > 1)
        distance = torch.cat([inside.flatten(), across.flatten()])
        positive = torch.cat([aligned[:, first, second].flatten(), torch.zeros_like(there).flatten()])
        return distance, positive, torch.cat([(mask[:, first] & mask[:, second]).flatten(), there.flatten()])

    @torch.no_grad()
    def _log(self, distance: Tensor, positive: Tensor, weight: Optional[Tensor]) -> dict[str, Tensor]:
        weight = torch.ones_like(positive) if weight is None else weight
        log = {"pair_acc": weighted_mean(((distance < self.threshold) == positive).to(distance), weight)}
        for name, rows in (("pos_distance", positive & weight), ("neg_distance", ~positive & weight)):
            if rows.any():
                log[name] = weighted_mean(distance, rows)
        return log

    def _fuse(self, x: Tensor, mask: Tensor) -> Tensor:
        """``(N, K, D)`` features of tracks to one of each sample; absent ones are zero."""
        if self.fusion == "concat":
            return x.flatten(1)
        if self.fusion == "symmetric":
            return _mean_of_present(x, mask)
        first, second = _pairs(x.shape[1], x.device)
        a, b = x[:, first], x[:, second]
        return _mean_of_present((a - b).abs() if self.fusion == "absdiff" else a * b, mask[:, first] & mask[:, second])


def _track(view: View, k: int) -> View:
    """The k-th track of every sample."""
    return view._replace(
        data=view.data[:, k : k + 1], present=None if view.present is None else view.present[:, k : k + 1]
    )


def _branch(encoder: Encoder, view: View, probe: bool) -> tuple[Tensor, Tensor]:
    """Features ``(N K, D)`` and embeddings ``(N K, E)`` of all tracks, zero for those that are absent."""
    tracks, present = view.tracks()
    feature_map = encoder.forward_map(tracks)
    pooled = encoder.pool(feature_map)
    embedding = encoder.project(pooled)
    feature = encoder.probe_neck(feature_map) if probe and encoder.probe_neck is not encoder.pool_neck else pooled
    if present is None:
        return feature, embedding
    full = tuple(x.new_zeros(len(present), x.shape[1]) for x in (feature, embedding))
    return full[0].masked_scatter(present[:, None], feature), full[1].masked_scatter(present[:, None], embedding)


def _pairs(k: int, device: torch.device) -> tuple[Tensor, Tensor]:
    first, second = torch.triu_indices(k, k, 1, device=device)
    return first, second


def _mean_of_present(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over axis 1 of ``x (N, R, ...)`` where ``mask (N, R)``; 0 if there is nothing."""
    weight = mask.to(x.dtype).view(*mask.shape, *[1] * (x.dim() - 2))
    return (x * weight).sum(1) / weight.sum(1).clamp(min=1)
