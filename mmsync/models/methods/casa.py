"""CASA (Kwon et al., 2022, Context-Aware Sequence Alignment using 4D Skeletal Augmentation)."""

from __future__ import annotations

from torch import Tensor

from mmsync.models.methods.base import Samples, Views
from mmsync.models.methods.sequence import ContextModel
from mmsync.registry import LOSSES, MODELS, NECKS, OptConfig, OptPart, Part


@MODELS.register_module()
class CASA(ContextModel):
    """CASA: find the frames of an augmented sequence in the original one.

    The view ``first`` is the whole sequence, ``second`` its augmentation. Both pass the encoder and the attention
    between them; a head projects their frames, and the expected match of each augmented frame should be its source.

    Args:
        encoder: Config of the encoder of frames, without projector.
        context: Config of the attention; ``None``: ``CrossContext`` of eight layers, self and cross in turn.
        projector: Config of the head of frames; its width is filled in. ``None``: two layers with a ReLU between.
        loss: Config of the loss; ``None``: ``CASAMatchingLoss``.
        data_preprocessor: Config of the preprocessor that makes the views ``first (N, T1, ...)`` and
            ``second (N, T2, ...)``.
        init_cfg: MMEngine's initialization config.
    """

    def __init__(
        self, encoder: Part, context: OptPart = None, projector: OptPart = None, loss: OptConfig = None,
        data_preprocessor: OptPart = None, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        context = context or dict(type="CrossContext", layers=("self", "cross") * 4)
        super().__init__(encoder, context, data_preprocessor, init_cfg)
        width = self.context.out_channels
        self.projector = NECKS.build(
            projector or dict(type="MLPProjector"), default_args=dict(in_channels=width, out_channels=width)
        )
        self.criterion = LOSSES.build(loss or dict(type="CASAMatchingLoss"))

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_casa``, in squared frames."""
        first, second = self.pair(views, data_samples)
        one, two = self.projector(first.data), self.projector(second.data)
        return {"loss_casa": self.criterion(one, two, first.index, second.index, first.valid, second.valid)}
