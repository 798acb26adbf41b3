"""PSTL (Zhou et al., 2023, Self-Supervised Action Representation Learning from Partial Spatio-Temporal Skeletons)."""

from __future__ import annotations

import torch
from torch import Tensor

from mmsync.errors import ConfigError
from mmsync.models.losses import BarlowTwinsLoss
from mmsync.models.methods.base import Samples, SelfSupervisedModel, Views, embedding_log, layout_of
from mmsync.models.modules import build_encoder
from mmsync.ops.part_masks import draw_calm_frames, draw_central_joints, frame_motion, joint_degrees
from mmsync.registry import MODELS, OptConfig, OptPart, Part
from mmsync.structures import View


@MODELS.register_module()
class PSTL(SelfSupervisedModel):
    """Barlow Twins between whole clips of skeletons and clips without some frames, or some joints.

    With the embeddings ``(N, D)`` of the views ``anchor``, ``temporal`` and ``spatial``, and Barlow Twins' loss BT::

        loss = BT(anchor, temporal) + BT(anchor, spatial)

    Of ``temporal`` the frames of largest motion are missing, and as many others at random; of ``spatial`` joints that
    are drawn by their number of bones. ST-GCN computes its first blocks on the graph without them; for other backbones
    they are zero. Masks are drawn once for a batch, behind the preprocessor, so that they act on what the network sees.

    Args:
        encoder: Config of the encoder, with a projector; its backbone takes skeletons.
        data_preprocessor: Config of the preprocessor that makes the three views.
        redundancy_weight: Of BT, see :class:`~mmsync.models.losses.BarlowTwinsLoss`.
        frame_ratio: Share of the frames that motion masks, and chance again, in [0, 0.5): 10 of 50.
        joint_ratio: Draws of joints as a share of V, in [0, 1): 8 of 25, of which some are the same joint.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A number out of range, or a backbone that takes no skeletons.
    """

    views_needed = ("anchor", "temporal", "spatial")
    needs_joints = True
    least_batch = 2

    def __init__(
        self, encoder: Part, data_preprocessor: OptPart = None, redundancy_weight: float = 2e-4,
        frame_ratio: float = 0.2, joint_ratio: float = 0.32, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(data_preprocessor, init_cfg)
        for name, ratio, end in (("frame_ratio", frame_ratio, 0.5), ("joint_ratio", joint_ratio, 1)):
            if not 0 <= ratio < end:
                raise ConfigError(f"model.{name}={ratio}: give a share in [0, {end}), or nothing would be left")
        self.encoder = build_encoder(encoder)
        layout = layout_of(self.encoder, "PSTL")
        self.degrees = joint_degrees(layout.num_joints, layout.edge_list())
        self.frame_ratio, self.draws = frame_ratio, int(joint_ratio * layout.num_joints)
        self.criterion = BarlowTwinsLoss(redundancy_weight)

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute both terms of BT for either masked view, and :func:`embedding_log` for the log."""
        anchor = self.encoder(views["anchor"])
        temporal = self.encoder(self.mask_frames(views["temporal"]))
        spatial = self.encoder.forward_without(views["spatial"], draw_central_joints(self.degrees, self.draws))
        losses = {}
        for view, embedding in (("temporal", temporal), ("spatial", spatial)):
            for name, term in self.criterion.terms(anchor, embedding).items():
                losses[f"loss_{name}_{view}"] = term
        return {**losses, **embedding_log(anchor, temporal)}

    def mask_frames(self, view: View) -> View:
        """The view of the frames that are left."""
        at = draw_calm_frames(frame_motion(view.data), int(self.frame_ratio * view.data.shape[2]))
        valid, index = (part if part is None else part.gather(1, at) for part in (view.valid, view.index))
        data = torch.take_along_dim(view.data, at[:, None, :, None, None], 2)
        return view._replace(data=data, valid=valid, index=index)
