"""Sync3D (Sannigrahi, 2020): interactions of people as synchronization of their tracks."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal, Optional

import torch
from torch import Tensor

from mmsync.errors import CheckpointError, ConfigError, DataError
from mmsync.models.losses.contrastive import weighted_mean
from mmsync.models.methods.base import Samples, SelfSupervisedModel, Views
from mmsync.models.modules import Encoder, build_encoder
from mmsync.ops.dist import all_gather
from mmsync.registry import LOSSES, MODELS, OptConfig, OptPart, Part
from mmsync.structures import View

FUSIONS = ("concat", "absdiff", "product", "symmetric")


@MODELS.register_module()
class Sync3D(SelfSupervisedModel):
    """Sync3D: learn from pairs of tracks whether two people move in synchrony.

    The view ``tracks`` holds video ``(N, K, C, T, H, W)`` or skeletons ``(N, K, T, V, C)``; K tracks are K clips of one
    forward pass. The loss pulls embeddings of pairs that are close in space and time together and pushes others apart.

    * Labeled pairs: K is 2 and the samples have ``positive``. The loss is the mean over the pairs.
    * Scenes, otherwise: all K (K - 1) / 2 pairs of a scene, positive where the samples' ``aligned (K, K)`` is true (all
      without it); the negatives are the K^2 pairs of people of a scene and the next scene of the global batch. Where
      the samples have ``moments (K, 3)`` (video, first frame, end), it is the next one of another video or, without
      one, of another time. For K >= 2 at most one pair in five is positive, similar to the one in four of labeled
      pairs.

    Args:
        encoder: Config of the encoder of one track, with a projector.
        loss: Config of the loss; ``None``: ``ContrastiveLoss``.
        data_preprocessor: Config of the preprocessor that makes the view ``tracks``.
        share_weights: Whether all tracks share one encoder; otherwise there are two, and K must be 2. Both begin with
            the weights of a checkpoint that has one.
        fusion: Fusion of the tracks' features for probes: ``'concat'``, ``(N, K D)``; ``'absdiff'`` or ``'product'`` of
            the two, ``(N, D)``, averaged over the pairs of a scene; or ``'symmetric'``, their mean ``(N, D)``, on which
            a linear probe equals one on ``'concat'`` averaged over both orders. A single track keeps its own.
        threshold: Distance below which the logged accuracy counts a pair as positive; ``None``: that of the loss.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: An unknown fusion.
    """

    views_needed = ("tracks",)
    views_for_features = ("tracks",)

    def __init__(
        self, encoder: Part, loss: OptPart = None, data_preprocessor: OptPart = None, share_weights: bool = True,
        fusion: Literal["concat", "absdiff", "product", "symmetric"] = "concat", threshold: Optional[float] = None,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(data_preprocessor, init_cfg)
        if fusion not in FUSIONS:
            raise ConfigError(f"model.fusion={fusion!r}: use one of {', '.join(FUSIONS)}")
        self.encoder = build_encoder(encoder)
        self.second_encoder = None if share_weights else build_encoder(copy.deepcopy(encoder))
        self.criterion = LOSSES.build(loss or dict(type="ContrastiveLoss"))
        self.fusion = fusion
        self.threshold = self.criterion.threshold if threshold is None else threshold

    def adapt_state_dict(self, state_dict: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Let both branches begin with the weights of a single one; a CheckpointError for two where there is one."""
        second = [key for key in state_dict if key.startswith("second_encoder.")]
        if second and self.second_encoder is None:
            text = "has two branches; set model.share_weights=False, or the second would be left out"
            raise CheckpointError(f"the checkpoint {text} ({len(second)} weights, the first is {second[0]})")
        if second or self.second_encoder is None:
            return state_dict
        return {**state_dict, **{f"second_{k}": v for k, v in state_dict.items() if k.startswith("encoder.")}}

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_pair`` of the view ``tracks``; for the log, accuracy at ``threshold`` and mean distances."""
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
        """Fused features of all tracks before the projector: ``(N, K D)`` or ``(N, D)``, see ``fusion``."""
        feature, _, present = self._encode(views["tracks"], probe=True)
        return self._fuse(feature, present)

    def predictions(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """``feature`` and, for K > 1, ``distance (N,)`` of the embeddings, averaged over the pairs of a scene."""
        feature, embedding, present = self._encode(views["tracks"], probe=True)
        found = {"feature": self._fuse(feature, present)}
        if embedding.shape[1] > 1:
            first, second = _pairs(embedding.shape[1], embedding.device)
            distance = self.criterion.distance(embedding[:, first], embedding[:, second])
            found["distance"] = _mean_of_present(distance, present[:, first] & present[:, second])
        return found

    def _encode(self, view: View, probe: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Features ``(N, K, D)``, for probes if ``probe``; embeddings ``(N, K, E)``; presence ``(N, K)``."""
        n, k = view.data.shape[:2]
        if self.second_encoder is None:
            found = [_branch(self.encoder, view, probe)]
        elif k != 2:
            raise DataError(f"share_weights=False needs pairs, but there are {k} tracks; use share_weights=True")
        else:
            shown = (None, None) if view.present is None else view.present.split(1, 1)
            tracks = (view._replace(data=x, present=p) for x, p in zip(view.data.split(1, 1), shown))
            found = [_branch(e, track, probe) for e, track in zip((self.encoder, self.second_encoder), tracks)]
        present = view.present
        if present is None:
            present = torch.ones(n, k, dtype=torch.bool, device=view.data.device)
        # one part (N K, D), or two (N, D)
        feature, embedding = (torch.stack(part, 1).unflatten(0, (n, -1)).flatten(1, 2) for part in zip(*found))
        return feature, embedding, present

    def _scene_pairs(self, z: Tensor, mask: Tensor, data_samples: Samples) -> tuple[Tensor, Tensor, Tensor]:
        """Distances, labels and weights ``(P,)`` of all pairs of all scenes of the global batch."""
        aligned: Any = [sample.get("aligned") for sample in data_samples or ()]
        if not aligned or None in aligned:
            aligned = torch.ones(*mask.shape, mask.shape[1], dtype=torch.bool)
        aligned = all_gather(torch.as_tensor(aligned).to(z.device).float()) > 0
        moments: Any = [sample.get("moments") for sample in data_samples or ()]
        if not moments or None in moments:
            moments = None
        else:
            moments = all_gather(torch.as_tensor(moments, dtype=torch.int64).to(z.device))
        z, mask = all_gather(z, with_grad=True), all_gather(mask.float()) > 0
        other, found = _other_scenes(mask, moments)
        first, second = _pairs(z.shape[1], z.device)
        inside = self.criterion.distance(z[:, first], z[:, second])
        across = self.criterion.distance(z[:, :, None], z[other][:, None])
        there = mask[:, :, None] & mask[other][:, None] & found[:, None, None]
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
        """Fuse the features ``(N, K, D)`` of tracks, zero for absent ones, to one vector per sample."""
        if self.fusion == "concat" or x.shape[1] == 1:
            return x.flatten(1)
        if self.fusion == "symmetric":
            return _mean_of_present(x, mask)
        first, second = _pairs(x.shape[1], x.device)
        a, b = x[:, first], x[:, second]
        return _mean_of_present((a - b).abs() if self.fusion == "absdiff" else a * b, mask[:, first] & mask[:, second])


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


def _other_scenes(mask: Tensor, moments: Optional[Tensor]) -> tuple[Tensor, Tensor]:
    """The scene that each of N scenes is compared with ``(N,)``, and whether there is one ``(N,)`` bool.

    The next one; with ``moments (N, K, 3)`` the next one of another video, else that of another time of the video.
    """
    n, k = mask.shape
    ahead = (torch.arange(n, device=mask.device) - torch.arange(n, device=mask.device)[:, None]) % n
    together = ahead == 0
    same = together.clone()
    if moments is not None:
        video, start, stop = moments.flatten(0, 1).unbind(-1)
        one = (video == video[:, None]) & mask.flatten() & mask.flatten()[:, None]
        overlap = one & (start < stop[:, None]) & (start[:, None] < stop)
        same, overlap = (x.view(n, k, n, k).any(3).any(1) for x in (one, overlap))
        together = together | overlap
    other = (ahead + n * same + 2 * n * together).argmin(1)
    return other, ~together.gather(1, other[:, None])[:, 0]


def _mean_of_present(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over axis 1 of ``x (N, R, ...)`` where ``mask (N, R)``; 0 if nothing is present."""
    weight = mask.to(x.dtype).view(*mask.shape, *[1] * (x.dim() - 2))
    return (x * weight).sum(1) / weight.sum(1).clamp(min=1)
