"""MASA (Kwon et al., Multi Activity Sequence Alignment via Implicit Clustering)."""

from __future__ import annotations

from typing import Optional, Union

import torch
from torch import Tensor, nn

from mmsync.models.losses.index_matching import IndexMatchingLoss
from mmsync.models.methods.base import Samples, Views
from mmsync.models.methods.sequence import ContextModel
from mmsync.ops.distances import embedding_std
from mmsync.ops.frames import map_valid
from mmsync.registry import LOSSES, MODELS, NECKS, OptConfig, OptPart, Part


@MODELS.register_module()
class MASA(ContextModel):
    """MASA: match the frames of two views of a sequence, and let both agree through a predictor that forms clusters.

    With the frames ``U`` of both views in the context of each other (eq. 1), projections ``Z = P(U)`` and predictions
    ``H(Z)``: the expected frame of ``Z'_j`` among ``Z''`` is compared with the true one, both ways (eqs. 2 to 6);
    ``H(Z'')`` should be the constant ``Z'`` at equal frames, both ways (eqs. 7 and 8); the first loss is divided by the
    agreement (eq. 9), see :class:`~mmsync.models.losses.index_matching.IndexMatchingLoss`.

    Args:
        encoder: Config of the encoder of frames, without projector.
        context: Config of the attention; ``None``: ``CrossContext`` of four layers, self and cross in turn.
        projector: Config of P; its width is filled in. ``None``: ``AlignProjector``.
        predictor: Config of H; its width is filled in. ``None``: ``ClipClusterPredictor``. ``False``: none, and the
            loss is that of matching alone, as in the paper's ablation.
        loss: Config of the loss; ``None``: ``IndexMatchingLoss``.
        data_preprocessor: Config of the preprocessor that makes the views ``first (N, T1, ...)`` and
            ``second (N, T2, ...)``.
        init_cfg: MMEngine's initialization config.
    """

    criterion: IndexMatchingLoss

    def __init__(
        self, encoder: Part, context: OptPart = None, projector: OptPart = None, predictor: Union[OptPart, bool] = None,
        loss: OptConfig = None, data_preprocessor: OptPart = None, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(encoder, context, data_preprocessor, init_cfg)
        width = dict(in_channels=self.context.out_channels)
        self.projector = NECKS.build(projector or dict(type="AlignProjector"), default_args=width)
        self.predictor: Optional[nn.Module] = None
        if predictor is not False:
            width = dict(in_channels=self.projector.out_channels)
            self.predictor = NECKS.build(predictor or dict(type="ClipClusterPredictor"), default_args=width)
        self.criterion = LOSSES.build(loss or dict(type="IndexMatchingLoss"))

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_masa``; for the log Lm as ``matching``, Lc as ``similarity``."""
        first, second = self.pair(views, data_samples)
        one, two = self._project(first.data, first.valid, second.data, second.valid)
        index, valid = (first.index, second.index), (first.valid, second.valid)
        if self.predictor is None:
            terms = self.criterion.terms(one, two, one, two, *index, *valid, first.length)
            found = {"loss_masa": terms["matching"]}
        else:
            clustered = self.predictor(one, first.valid), self.predictor(two, second.valid)
            terms = self.criterion.terms(one, two, *clustered, *index, *valid, first.length)
            found = {"loss_masa": terms["total"]}
        log = {name: terms[name].detach() for name in ("matching", "similarity")}
        return {**found, **log, "embedding_std": embedding_std(one[first.valid])}

    def _project(self, one: Tensor, valid_one: Tensor, two: Tensor, valid_two: Tensor) -> tuple[Tensor, Tensor]:
        """Z of both views, ``(N, T, D)``; batch statistics are those of the valid frames of both together."""
        both = map_valid(self.projector, torch.cat([one, two], 1), torch.cat([valid_one, valid_two], 1))
        return both[:, : one.shape[1]], both[:, one.shape[1] :]
