"""AVID (Morgado et al., 2021, Audio-Visual Instance Discrimination with Cross-Modal Agreement)."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.errors import ConfigError, DataError
from mmsync.models.methods.avts import TwoStreamModel
from mmsync.models.methods.base import Samples, Views
from mmsync.ops.dist import all_gather
from mmsync.ops.precision import in_float32
from mmsync.registry import MODELS, OptConfig


@in_float32
def discrimination(z: Tensor, memory: Tensor, at: Tensor, temperature: float) -> Tensor:
    """Mean of ``-log softmax(M z / tau)_i`` of embeddings ``(N, D)`` that belong to rows i of a memory ``(V, D)``."""
    return F.cross_entropy(z @ memory.T.clone() / temperature, at)


@MODELS.register_module()
class AVID(TwoStreamModel):
    """Cross-modal instance discrimination: a video's pictures find its sound in a memory of all videos, and conversely.

    Memories hold one unit embedding per video and modality, an exponential average of those seen so far. The loss is
    ``-log softmax(A v / tau)_i``, with the embedding ``v`` of the pictures of video i and the memory ``A`` of sounds,
    and the same with sound and pictures exchanged (Cross-AVID, eqs. 3 and 4, with the full softmax for its estimate).

    Args:
        video: Config of the encoder of pictures, with a projector.
        audio: Config of the encoder of sound, with a projector to the same width.
        num_videos: Videos of the training split that can be used; a run with another number of them is refused.
        temperature: Temperature tau, above 0.
        momentum: Of the memories, in [0, 1).
        data_preprocessor: Config of the preprocessor that makes the views ``video`` and ``audio``.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: Numbers out of range, or embeddings of two widths.
        DataError: Samples without ``instance``, or one beyond ``num_videos``.
    """

    video_memory: Tensor
    audio_memory: Tensor

    def __init__(
        self, video: dict, audio: dict, num_videos: int, temperature: float = 0.07, momentum: float = 0.5,
        data_preprocessor: OptConfig = None, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(data_preprocessor, init_cfg)
        if not temperature > 0 or not 0 <= momentum < 1 or num_videos < 2:
            raise ConfigError(f"AVID: {num_videos=}, {temperature=}, {momentum=}: give 2 or more, above 0, in [0, 1)")
        self.video, self.audio = MODELS.build(video), MODELS.build(audio)
        width = self.video.out_channels
        if self.audio.out_channels != width:
            raise ConfigError(f"AVID: embeddings of {width} and {self.audio.out_channels} channels; give both the same")
        self.temperature, self.momentum = temperature, momentum
        for name in self.encoders:
            self.register_buffer(f"{name}_memory", F.normalize(torch.randn(num_videos, width), dim=1))

    def check_data(self, dataset: Any) -> None:
        """Raise a ConfigError unless there is one place in the memories for each video of the training data."""
        count = getattr(dataset, "num_instances", None)
        if count is None:
            raise ConfigError(f"AVID needs the number of each sample's video, which {type(dataset).__name__} lacks")
        if count != len(self.video_memory):
            text = f"is {len(self.video_memory)}, but the training data have {count} usable videos"
            raise ConfigError(f"model.num_videos: {text}; set model.num_videos={count}")

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_video`` and ``loss_audio``, then update both memories with the batch of all ranks."""
        found = [sample.get("instance") for sample in data_samples or ()]
        if not found or None in found:
            raise DataError("the samples have no `instance`, the number of their video; use AudioVisualDataset")
        video, audio = (F.normalize(z.to(self.video_memory), dim=1) for z in self.embed(views))
        at = torch.tensor(found, device=video.device).flatten()
        if int(at.max()) >= len(self.video_memory):
            raise DataError(f"video number {int(at.max())}, but num_videos={len(self.video_memory)}; raise num_videos")
        losses = {
            "loss_video": discrimination(video, self.audio_memory, at, self.temperature) / 2,
            "loss_audio": discrimination(audio, self.video_memory, at, self.temperature) / 2,
        }
        self._remember(at, video, audio)
        return losses

    @torch.no_grad()
    def _remember(self, at: Tensor, video: Tensor, audio: Tensor) -> None:
        at = all_gather(at)
        for name, z in (("video", all_gather(video)), ("audio", all_gather(audio))):
            memory = cast(Tensor, getattr(self, f"{name}_memory"))
            # several windows of one video in a batch count as their mean
            total = torch.zeros_like(memory).index_add_(0, at, z)
            count = z.new_zeros(len(memory)).index_add_(0, at, torch.ones_like(at, dtype=z.dtype))
            seen = count > 0
            new = self.momentum * memory[seen] + (1 - self.momentum) * total[seen] / count[seen, None]
            memory[seen] = F.normalize(new, dim=1)
