"""CrosSCLR (Li et al., 2021, 3D Human Action Representation Learning via Cross-View Consistency Pursuit)."""

from __future__ import annotations

from typing import Any, Literal, Optional

from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.losses.cross_stream import cross_view_nce
from mmsync.models.losses.info_nce import info_nce
from mmsync.models.methods.base import Samples, Views
from mmsync.models.methods.streams import STREAMS, StreamContrast
from mmsync.registry import MODELS, OptConfig, OptPart, Part


@MODELS.register_module()
class CrosSCLR(StreamContrast):
    """Momentum contrast of joints, motion and bones, in which later each stream mines positives for the others.

    In the first epochs the loss is the sum of three InfoNCE losses; from ``cross_epoch`` on that of
    :func:`mmsync.models.losses.cross_stream.cross_view_nce`, of the same logits ``(N, 1 + K)``.

    Args:
        encoder: Config of the encoder of each stream, with a projector, or a module to copy.
        data_preprocessor: Config of the preprocessor that makes the views ``query`` and ``key``, of joints.
        queue_size: Number K of keys in the queue.
        momentum: Momentum of the key encoders.
        temperature: Temperature tau.
        cross_epoch: Epochs before mining across streams starts (150: the 151st is the first with it); ``None``: off.
        topk: Entries of the queue that each stream names, 1 to K.
        context: Whether the products of two streams' similarities are compared, too.
        reference_heads: Whether motion and bones are projected by a layer of their own and the joints' projector behind
            it, as in the released code; else each stream has a projector of its own.
        reference_ema: Whether only the key encoder of motion moves once mining has started, as in the released code.
        key_init: As of :class:`MoCo`.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A number out of range, or ``reference_heads`` without a projector that has layers.
    """

    def __init__(
        self, encoder: Part, data_preprocessor: OptPart = None, queue_size: int = 32768, momentum: float = 0.999,
        temperature: float = 0.07, cross_epoch: Optional[int] = 150, topk: int = 1, context: bool = True,
        reference_heads: bool = False, reference_ema: bool = False, key_init: Literal["copy", "reference"] = "copy",
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(encoder, data_preprocessor, queue_size, momentum, temperature, key_init, init_cfg)
        if not 1 <= topk <= queue_size:
            raise ConfigError(f"model.topk={topk}: give at least 1 and at most queue_size={queue_size}")
        self.cross_epoch, self.topk, self.context, self.reference_ema = cross_epoch, topk, context, reference_ema
        if reference_heads:
            parts = self.streams.values()
            _share_head([part.encoder for part in parts])
            _share_head([part.key_encoder.module for part in parts])

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_joint``, ``loss_motion`` and ``loss_bone``; log the mean similarities."""
        crossing = self.cross_epoch is not None and self.epoch >= self.cross_epoch
        found, log = self.contrast(views, ("motion",) if crossing and self.reference_ema else STREAMS)
        logits = [one.logits for one in found.values()]
        if crossing:
            losses = cross_view_nce(logits, self.temperature, self.topk, self.context)
        else:
            losses = [info_nce(one) for one in logits]
        return {**{f"loss_{name}": loss for name, loss in zip(STREAMS, losses)}, **log}


def _share_head(encoders: list[Any]) -> None:
    """Replace the last layer of the other projectors by the first one as a whole."""
    layers: list[Any] = [getattr(encoder.projector, "layers", None) for encoder in encoders]
    if not all(isinstance(part, nn.Sequential) and len(part) > 1 for part in layers):
        raise ConfigError("model.reference_heads: give each encoder a projector of two layers, as MLPProjector has")
    for part in layers[1:]:
        part[-1] = layers[0]
