"""Base of masked prediction: hide most tokens of a skeleton, encode the others, predict the hidden ones."""

from __future__ import annotations

import math
from typing import ClassVar, Optional

import torch
from torch import Tensor

from mmsync.errors import ConfigError, DataError, unwritten
from mmsync.models.methods.base import Samples, SelfSupervisedModel, Views
from mmsync.models.modules import build_encoder
from mmsync.ops.masked import mean_over_ranks
from mmsync.ops.masks import motion_log_weights, normalize_patches, patchify, split_tokens, take_tokens
from mmsync.ops.persons import pack_persons
from mmsync.registry import MODELS, OptConfig, OptPart, Part
from mmsync.structures import View


class MaskedPrediction(SelfSupervisedModel):
    """Base of masked prediction; a subclass writes :meth:`targets`, or :meth:`loss`. :class:`MAMP` has the arguments.

    A token of the backbone is a patch of frames of one joint, or of a body part. Absent persons are neither encoded nor
    predicted, unless the encoder counts them (``pool=dict(persons='mean')``, as published). A ConfigError refuses a
    backbone without tokens or with a stem, an encoder with a projector, and a number out of its range.
    """

    views_needed = ("clip",)
    needs_tokens = True
    predicts_features: ClassVar[bool] = False  # of the backbone, and not the numbers of a patch

    def __init__(
        self, encoder: Part, decoder: OptPart = None, mask_ratio: float = 0.9, motion_tau: float = 0.8,
        num_coords: Optional[int] = None, data_preprocessor: OptPart = None, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(data_preprocessor, init_cfg)
        name = type(self).__name__
        self.encoder = build_encoder(encoder)
        backbone = self.encoder.backbone
        if not hasattr(backbone, "encode"):
            text = f"{type(backbone).__name__} has no tokens; use SkeletonViT or DSTformer"
            raise ConfigError(f"{name} encodes visible tokens only, and {text}")
        if getattr(backbone, "stem", None) is not None:
            raise ConfigError(f"{name}: the backbone's stem shows hidden patches to visible tokens; drop stem")
        if self.encoder.projector is not None:
            raise ConfigError(f"{name} trains no projector; set encoder.projector=None")
        if not (0 < mask_ratio < 1 and motion_tau >= 0):
            given = f"mask_ratio={mask_ratio}, motion_tau={motion_tau}"
            raise ConfigError(f"{name}: {given}; give a share above 0 and below 1, and 0 or more")
        self.mask_ratio, self.motion_tau = mask_ratio, motion_tau
        self.num_coords = min(num_coords or backbone.in_channels, backbone.in_channels)
        steps, places = backbone.token_grid
        self.patch = backbone.token_frames, backbone.layout.num_joints // places
        widths = dict(in_channels=backbone.out_channels, steps=steps, num_joints=places)
        numbers = math.prod(self.patch) * self.num_coords
        widths["out_channels"] = backbone.out_channels if self.predicts_features else numbers
        self.decoder = MODELS.build(decoder or {}, default_args=dict(type="TokenDecoder", **widths))

    def rows(self, view: View) -> Tensor:
        """Persons ``(P, T, V, C)`` of a view; a DataError if T is no whole number of patches."""
        data, present = self.encoder.backbone.split_persons(view)
        rows = pack_persons(data, present, self.encoder.skip_absent)[0]
        frames, size = rows.shape[1], self.encoder.backbone.token_frames
        if frames % size:
            text = f"{type(self).__name__}: clips of {frames} frames are no whole number of patches of {size}"
            raise DataError(f"{text}; make them {-(-frames // size) * size} frames long, or choose another t_patch")
        return rows

    def uniform(self, rows: Tensor, places: int) -> Tensor:
        """Random numbers in [0, 1) that choose the mask of persons ``(P, ...)``: ``(P, L)``."""
        return torch.rand(len(rows), places, dtype=rows.dtype, device=rows.device)

    def split(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Places of the visible tokens ``(P, K)`` and of the hidden ones of persons ``(P, T, V, C)``."""
        patches = patchify(rows[..., : self.num_coords], *self.patch)
        weights = motion_log_weights(patches, self.motion_tau)
        return split_tokens(weights, self.uniform(rows, weights.shape[1]), self.mask_ratio)

    def predict_tokens(self, rows: Tensor, keep: Tensor, wanted: Optional[Tensor] = None) -> Tensor:
        """Predictions ``(P, Q, D)`` at the places ``wanted (P, Q)``, or all, from the tokens at ``keep (P, K)``."""
        backbone = self.encoder.backbone
        tokens = backbone.tokens(rows)
        return self.decoder(backbone.encode(tokens, keep), keep, wanted, tokens.shape[1])

    def normalized(self, x: Tensor) -> Tensor:
        """Patches ``(P, T', V', D)`` of ``(P, T, V, num_coords)``, each by its own mean and deviation."""
        return normalize_patches(patchify(x, *self.patch))

    def targets(self, rows: Tensor) -> Tensor:
        """What is to be predicted of persons ``(P, T, V, num_coords)``, of all patches ``(P, T', V, D)``."""
        raise unwritten(self, "targets(rows)")

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_masked``, the squared error of hidden patches, a mean over the persons of all ranks."""
        rows = self.rows(views["clip"])
        keep, hidden = self.split(rows)
        target = take_tokens(self.targets(rows[..., : self.num_coords]).flatten(1, 2), hidden)
        error = (self.predict_tokens(rows, keep, hidden).to(target.dtype) - target).square()
        return {"loss_masked": mean_over_ranks(error, error.new_tensor(error.numel()))}
