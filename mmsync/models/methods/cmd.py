"""CMD (Mao et al., 2022, Self-supervised 3D Action Representation Learning with Cross-modal Mutual Distillation)."""

from __future__ import annotations

import itertools
from typing import Literal

import torch
from torch import Tensor

from mmsync.errors import ConfigError
from mmsync.models.losses.info_nce import info_nce
from mmsync.models.methods.base import Samples, Views
from mmsync.models.methods.streams import StreamContrast
from mmsync.ops.distillation import mutual_distillation
from mmsync.registry import MODELS, OptConfig, OptPart, Part


@MODELS.register_module()
class CMD(StreamContrast):
    """Momentum contrast of joints, motion and bones, each of which learns the neighborhoods that the others see.

    The loss is ``sum_u InfoNCE_u + sum_{a != b} KL(a || b)``, over the six ordered pairs of streams. ``KL`` compares
    the similarities ``(N, K)`` of a's keys and of b's queries to the clips in the queues, see
    :func:`mmsync.ops.distillation.mutual_distillation`.

    Args:
        encoder: Config of the encoder of each stream, with a projector, or a module to copy.
        data_preprocessor: Config of the preprocessor that makes the views ``query`` and ``key``, of joints.
        queue_size: Number K of keys in the queue.
        momentum: Momentum of the key encoders.
        temperature: tau of InfoNCE.
        topk: Entries of the queue nearest to the teacher that are compared, 1 to K.
        teacher_temperature: Temperature of the teacher's similarities, above 0.
        student_temperature: Temperature of the student's similarities, above 0; higher than the teacher's, so that the
            student's distribution has to become sharper.
        key_init: As of :class:`MoCo`.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A number out of range.
    """

    def __init__(
        self, encoder: Part, data_preprocessor: OptPart = None, queue_size: int = 16384, momentum: float = 0.999,
        temperature: float = 0.07, topk: int = 8192, teacher_temperature: float = 0.05,
        student_temperature: float = 0.1, key_init: Literal["copy", "reference"] = "copy", init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(encoder, data_preprocessor, queue_size, momentum, temperature, key_init, init_cfg)
        if not 1 <= topk <= queue_size:
            raise ConfigError(f"model.topk={topk}: give at least 1 and at most queue_size={queue_size}")
        for name, value in (("teacher", teacher_temperature), ("student", student_temperature)):
            if not value > 0:
                raise ConfigError(f"model.{name}_temperature={value}: give a number above 0; 0.05 and 0.1 are usual")
        self.topk, self.temperatures = topk, (student_temperature, teacher_temperature)

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_infonce`` and ``loss_distillation``, sums over streams and pairs; log the similarities."""
        found, log = self.contrast(views)
        with torch.no_grad(), torch.autocast(self.parents.device.type, enabled=False):
            teachers = {name: one.key.to(one.queue) @ one.queue for name, one in found.items()}
        terms = [
            mutual_distillation(found[b].logits[:, 1:] * self.temperature, teachers[a], self.topk, *self.temperatures)
            for a, b in itertools.permutations(found, 2)
        ]
        losses = dict(loss_infonce=[info_nce(one.logits) for one in found.values()], loss_distillation=terms)
        return {**{name: torch.stack(parts).sum() for name, parts in losses.items()}, **log}
