"""SyncNet (Chung and Zisserman, 2016, Out of Time: Automated Lip Sync in the Wild)."""

from __future__ import annotations

from typing import Optional

from mmsync.models.methods.avts import StreamSync
from mmsync.registry import MODELS, OptConfig


@MODELS.register_module()
class SyncNet(StreamSync):
    """SyncNet: learn from faces and speech whether they are in sync, with the contrastive loss at margin 20 (eq. 1).

    The loss is ``1 / 2N sum y d^2 + (1 - y) max(margin - d, 0)^2``, with y 1 for pairs in sync and their distance d.
    :func:`mmsync.ops.offsets.estimate_offset` gives the offset and the confidence of a video.

    Args:
        video: Config of the encoder of faces; ``None``: ``SyncNetLip``.
        audio: Config of the encoder of sound; ``None``: ``SyncNetAudio``.
        loss: Config of the loss; ``None``: ``ContrastiveLoss(margin=20)``, the authors' value.
        data_preprocessor: Config of the preprocessor that makes the views ``video`` and ``audio``.
        threshold: Distance below which the logged accuracy counts a pair as in sync; ``None``: half the margin.
        init_cfg: MMEngine's initialization config.
    """

    def __init__(
        self, video: OptConfig = None, audio: OptConfig = None, loss: OptConfig = None,
        data_preprocessor: OptConfig = None, threshold: Optional[float] = None, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        loss = loss or dict(type="ContrastiveLoss", margin=20.0)
        super().__init__(loss, data_preprocessor, threshold, init_cfg)
        self.video = MODELS.build(video or dict(type="Encoder", backbone=dict(type="SyncNetLip")))
        self.audio = MODELS.build(audio or dict(type="Encoder", backbone=dict(type="SyncNetAudio")))
