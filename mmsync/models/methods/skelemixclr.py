"""SkeleMixCLR (Chen et al., 2022, Contrastive Learning from Spatio-Temporal Mixed Skeleton Sequences)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.errors import ConfigError
from mmsync.models.losses.info_nce import info_nce, queue_logits
from mmsync.models.methods.base import Samples, Views, layout_of
from mmsync.models.methods.moco import MoCo, similarity_gap
from mmsync.ops.dist import all_gather, rank
from mmsync.ops.part_masks import draw_part_block, region_weight
from mmsync.registry import MODELS, OptConfig, OptPart, Part
from mmsync.structures import View

UNITS = 16  # of a clip, at whose ends a block begins and ends


@MODELS.register_module()
class SkeleMixCLR(MoCo):
    """Momentum contrast of whole clips, and of both parts of clips into which a part of another was pasted.

    Body parts of a block of frames of each query clip ``(M, T, V, C)`` are replaced by those of its donor, another clip
    of the global batch. With InfoNCE ``l`` of an embedding and its positive, and the mixed clip's map pooled over what
    was ``pasted`` and over the ``rest``::

        loss = l(query, key) + l(pasted, donor's key) + l(rest, key)

    Donors follow at one distance in the batch, and all clips have the same place pasted. Regions are found on the map
    ``(P, D, T', V')`` by their share of each of its places, so that any backbone of skeletons fits.

    Args:
        encoder: As in MoCo; its backbone takes skeletons.
        data_preprocessor: Config of the preprocessor that makes the views ``query`` and ``key``.
        queue_size: Number K of keys in the queue.
        momentum: Momentum of the key encoder.
        temperature: Temperature tau.
        key_init: As in MoCo.
        feature_from: Encoder whose features probes see, ``'query'`` or ``'key'``.
        num_parts: Fewest and most of the five body parts to paste.
        block: Shortest and longest block of frames, in sixteenths of the clip.
        repeats: Mixed versions of each clip, whose losses are averaged.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A number out of range, or a backbone that takes no skeletons.
        LayoutError: A layout without arms, legs or trunk.
    """

    needs_joints = True
    least_batch = 2

    def __init__(
        self, encoder: Part, data_preprocessor: OptPart = None, queue_size: int = 32768, momentum: float = 0.999,
        temperature: float = 0.2, key_init: Literal["copy", "reference"] = "copy",
        feature_from: Literal["query", "key"] = "query", num_parts: Sequence[int] = (2, 3),
        block: Sequence[int] = (7, 11), repeats: int = 1, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(
            encoder, data_preprocessor, queue_size, momentum, temperature, key_init, feature_from, init_cfg
        )
        self.parts = layout_of(self.encoder, "SkeleMixCLR").body_parts
        for name, pair, most in (("num_parts", num_parts, len(self.parts) - 1), ("block", block, UNITS)):
            if len(pair) != 2 or not 1 <= pair[0] <= pair[1] <= most:
                raise ConfigError(f"model.{name}={tuple(pair)}: give two whole numbers, 1 <= low <= high <= {most}")
        if repeats < 1:
            raise ConfigError(f"model.repeats={repeats}: give at least 1")
        self.num_parts, self.block = (num_parts[0], num_parts[1]), (block[0], block[1])
        self.repeats = repeats

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_infonce``, ``loss_pasted`` and ``loss_rest``; log the mean similarities of the first."""
        view, encoder = views["query"], self.encoder
        query, key = F.normalize(encoder(view), dim=1), self.encode_key(views["key"])
        keys, queue = all_gather(key), self.queue.snapshot()
        self.queue.enqueue(key)
        logits = queue_logits(query, key, queue, self.temperature)
        losses = {"loss_infonce": info_nce(logits), **similarity_gap(logits, self.temperature)}

        everyone = View(all_gather(view.data), None if view.present is None else all_gather(view.present))
        own = torch.arange(len(key), device=key.device) + rank() * len(key)
        for _ in range(self.repeats):
            donor = (own + int(torch.randint(1, len(keys), ()))) % len(keys)
            frames, joints = view.data.shape[2:4]
            mask = draw_part_block(self.parts, joints, frames, self.num_parts, self.block, UNITS).to(key.device)
            feature = encoder.forward_map(paste(view, everyone.take(donor), mask))
            grid = feature.grid()
            for name, region, positive in (("pasted", mask, keys[donor]), ("rest", ~mask, key)):
                weight = region_weight(region, grid.shape[2], grid.shape[3]).to(grid.dtype)
                pooled = encoder.pool(feature.with_grid(grid * weight))
                z = F.normalize(encoder.project(pooled, feature.valid), dim=1)
                term = info_nce(queue_logits(z, positive, queue, self.temperature)) / self.repeats
                losses[f"loss_{name}"] = losses.get(f"loss_{name}", 0) + term
        return losses


def paste(view: View, donor: View, mask: Tensor) -> View:
    """The view with the donor's data in the frames and joints of ``mask (T, V)``; present is who is in either."""
    present = view.present if view.present is None or donor.present is None else view.present | donor.present
    return view._replace(data=torch.where(mask[..., None], donor.data, view.data), present=present)
