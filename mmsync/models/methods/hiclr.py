"""HiCLR (Zhang et al., 2023, Hierarchical Consistent Contrastive Learning with Growing Augmentations)."""

from __future__ import annotations

from typing import Literal, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.methods.aimclr import AimCLR
from mmsync.models.methods.base import Views, layout_of
from mmsync.ops.part_masks import draw_joints_of_frames
from mmsync.registry import MODELS, OptConfig, OptPart, Part
from mmsync.structures import View


@MODELS.register_module()
class HiCLR(AimCLR):
    """Momentum contrast of skeletons with a chain of ever stronger views, each of which matches the one before.

    With ``l(z) = [z.k, z.Q] / tau`` of the query ``z``, of ``z1`` of the view ``normal``, which is augmented more, and
    of ``z2`` of ``masked``, which lacks joints as well::

        loss = InfoNCE(l(z)) + w (D3M(l(z1), l(z)) + D3M(l(z2), l(z1)))

    In each frame of ``masked (N, M, T, V, C)``, behind the preprocessor, other random joints become one learned number,
    which starts at 0; the same ones for all clips and persons.

    Args:
        encoder: As in AimCLR; its backbone takes skeletons.
        data_preprocessor: Config of the preprocessor that makes the views ``query``, ``key``, ``normal`` and
            ``masked``.
        queue_size: Number K of keys in the queue.
        momentum: Momentum of the key encoder.
        temperature: Temperature tau.
        key_init: As in MoCo.
        feature_from: Encoder whose features probes see, ``'query'`` or ``'key'``.
        d3m_weight: Weight w of both D3M terms; 0.5 as published.
        mask_ratio: Share of the joints, in (0, 1): ``floor(mask_ratio * V)`` of them, at least one.
        mining: As in AimCLR, as are the next three.
        mining_epoch: 150 as published.
        mining_topk: Neighbors of each view.
        positive_reduction: ``'mean_log'`` or ``'log_sum'``.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A number out of range, or a backbone that takes no skeletons.
    """

    views_needed = ("query", "key", "normal", "masked")
    needs_joints = True
    chained = True

    def __init__(
        self, encoder: Part, data_preprocessor: OptPart = None, queue_size: int = 32768, momentum: float = 0.999,
        temperature: float = 0.07, key_init: Literal["copy", "reference"] = "copy",
        feature_from: Literal["query", "key"] = "query", d3m_weight: float = 0.5, mask_ratio: float = 0.1,
        mining: OptConfig = None, mining_epoch: Optional[int] = None, mining_topk: int = 1,
        positive_reduction: Literal["mean_log", "log_sum"] = "mean_log", init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(
            encoder, data_preprocessor, queue_size, momentum, temperature, key_init, feature_from, d3m_weight,
            None, "sample", mining, mining_epoch, mining_topk, positive_reduction, init_cfg,
        )  # fmt: skip
        joints = layout_of(self.encoder, "HiCLR").num_joints
        self.masked = int(mask_ratio * joints)
        if not 0 < self.masked < joints:
            raise ConfigError(f"model.mask_ratio={mask_ratio} masks {self.masked} of {joints} joints; mask 1 or more")
        self.mask_value = nn.Parameter(torch.zeros(1))

    def encode_extremes(self, views: Views) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Unit embeddings ``(N, D)`` of the two stronger views by the name of their loss; nothing for the log."""
        chain = {"loss_d3m_normal": views["normal"], "loss_d3m_masked": self.mask(views["masked"])}
        return {name: F.normalize(self.encoder(view), dim=1) for name, view in chain.items()}, {}

    def mask(self, view: View) -> View:
        """The view with the learned number in place of random joints."""
        frames, joints = view.data.shape[2:4]
        mask = draw_joints_of_frames(frames, joints, self.masked).to(view.data.device)
        value = self.mask_value.to(view.data.dtype)
        return view._replace(data=torch.where(mask[..., None], value, view.data))
