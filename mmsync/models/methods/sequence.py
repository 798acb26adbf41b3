"""Base of methods that embed the frames of sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from mmsync.errors import ConfigError, DataError
from mmsync.models.methods.base import Samples, SelfSupervisedModel, Views
from mmsync.models.modules import build_encoder
from mmsync.ops.dist import all_gather, gather_padded, rank, world_size
from mmsync.registry import MODELS, OptConfig, OptPart, Part
from mmsync.structures import View


class Frames(NamedTuple):
    """Embeddings of the frames of N sequences.

    Attributes:
        data: ``(N, T, D)``.
        valid: ``(N, T)`` bool, which frames are no padding.
        index: ``(N, T)`` float, the frame of the source that each one shows.
        length: ``(N,)`` float, number of frames of the source.
        activity: ``(N,)`` int64, the activity of each sequence; -1, one for all, where it is not known.
    """

    data: Tensor
    valid: Tensor
    index: Tensor  # type: ignore[assignment]  # hides tuple.index, which no one needs
    length: Tensor
    activity: Tensor

    def take(self, rows: Tensor) -> Frames:
        """Select sequences by an index over N."""
        return Frames._make(part[rows] for part in self)


class SequenceModel(SelfSupervisedModel):
    """Base of methods on frames: its encoder keeps them, by ``pool=dict(type='FramePool')``.

    Args:
        encoder: Config of the encoder.
        data_preprocessor: Config of the preprocessor that makes the views.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: The encoder pools over time.
    """

    views_needed: ClassVar[Sequence[str]] = ("first", "second")

    def __init__(self, encoder: Part, data_preprocessor: OptPart = None, init_cfg: OptConfig = None) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.encoder = build_encoder(encoder)

    def frames(self, view: View, samples: Samples = None, project: bool = True) -> Frames:
        """Embeddings of the frames of a view; without ``project`` the features that probes see."""
        feature = self.encoder.forward_map(view)
        pooled = self.encoder.pool(feature)
        if pooled.dim() != 3:
            raise ConfigError(
                f"{type(self).__name__} compares frames, but its encoder pools them: set "
                "model.encoder.pool=dict(type='FramePool')"
            )
        valid, index = feature.valid, feature.index
        data = self.encoder.project(pooled, valid) if project else pooled
        if valid is None:
            valid = torch.ones(pooled.shape[:2], dtype=torch.bool, device=pooled.device)
        if index is None:
            index = torch.arange(pooled.shape[1], device=pooled.device, dtype=torch.float32).expand(len(pooled), -1)
        return Frames(data, valid, index, *_about(samples, valid, index))


class ContextModel(SequenceModel):
    """Base of methods that see two sequences in the context of each other; evaluation gives one sequence twice.

    Args:
        encoder: Config of the encoder of frames, without projector.
        context: Config of a module of two sequences, ``CrossContext``; its width is filled in.
        data_preprocessor: Config of the preprocessor that makes the views.
        init_cfg: MMEngine's initialization config.
    """

    def __init__(
        self, encoder: Part, context: OptPart = None, data_preprocessor: OptPart = None, init_cfg: OptConfig = None
    ) -> None:
        super().__init__(encoder, data_preprocessor, init_cfg)
        width = dict(channels=self.encoder.pooled_channels)
        self.context = MODELS.build(context or dict(type="CrossContext"), default_args=width)

    def pair(self, views: Views, samples: Samples = None) -> tuple[Frames, Frames]:
        """Both views in the context of each other."""
        first, second = (self.frames(views[name], samples, project=False) for name in ("first", "second"))
        one, two = self.context(first.data, first.valid, second.data, second.valid)
        return first._replace(data=one), second._replace(data=two)

    def extract_feat(self, views: Views, data_samples: Samples = None) -> list[Tensor]:
        """Extract N tensors ``(T_n, D)``: each sequence in the context of itself, before any head."""
        frames = self.frames(views["clip"], data_samples, project=False)
        found, _ = self.context(frames.data, frames.valid, frames.data, frames.valid)
        return [x[v] for x, v in zip(found, frames.valid)]


def same_activity_pairs(local: Frames) -> tuple[Frames, Frames]:
    """All ordered pairs of different sequences of the same activity whose first one is of this rank.

    A mean over the pairs of all ranks (``mmsync.ops.masked.mean_over_ranks``) is then that of one process.

    Returns:
        tuple: First and second sequences of P pairs, those of other ranks with gradient.

    Raises:
        DataError: No rank has two sequences of one activity.
    """
    frames = gather_frames(local)
    own = torch.arange(len(local.data), device=local.data.device) + rank() * len(local.data)
    same = frames.activity[:, None] == frames.activity
    same.fill_diagonal_(False)
    if not same.any():
        raise DataError(
            "the batch has no two sequences of one activity; set train_dataloader.batch_sampler="
            "dict(type='GroupBatchSampler', by='label', per_group=2)"
        )
    first, second = same[own].nonzero().unbind(1)
    return frames.take(own[first]), frames.take(second)


def gather_frames(frames: Frames) -> Frames:
    """The sequences of all ranks, embeddings with their gradient."""
    if world_size() == 1:
        return frames
    data, valid = gather_padded(frames.data, with_grad=True), gather_padded(frames.valid.int()).bool()
    rest = all_gather(frames.length), all_gather(frames.activity)
    return Frames(data, valid, gather_padded(frames.index), *rest)


def _about(samples: Samples, valid: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers of frames of the sources, from the samples or the last frame that is shown; activities."""
    known = samples is not None and all(hasattr(sample, "num_frames") for sample in samples)
    if known:
        length = index.new_tensor([float(sample.num_frames) for sample in samples or ()])
    else:
        length = index.masked_fill(~valid, 0).amax(1).floor() + 1
    labels = [int(getattr(sample, "gt_label", -1)) for sample in samples or ()] or [-1] * len(valid)
    return length, torch.tensor(labels, device=valid.device)


def on_frames(module: nn.Module, x: Tensor, valid: Tensor) -> Tensor:
    """A module of rows ``(R, D)`` on the valid frames of ``x (N, T, D)``; zero at the others."""
    rows = module(x[valid])
    return rows.new_zeros(*valid.shape, rows.shape[1]).masked_scatter(valid.unsqueeze(-1), rows)
