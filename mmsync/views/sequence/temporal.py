"""Augmentations of the frames of sequences: windows, dropped and inserted frames, samples of a fixed number."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Generator, Tensor

from mmsync.errors import ConfigError
from mmsync.ops.sequence_augment import choose_frames, repeat_frames, sorted_choice
from mmsync.registry import TRANSFORMS
from mmsync.views.augmentation import Draws, in_range, whole
from mmsync.views.sequence.augmentation import Frames, TimeAugmentation


def _rand(x: Tensor, generator: Generator, *shape: int) -> Tensor:
    """Uniform numbers ``(N, *shape)``, float32 whatever the data, as frames are counted with them."""
    return torch.rand(len(x), *shape, generator=generator, device=x.device)


def _upto(uniform: Tensor, count: Tensor) -> Tensor:
    """Whole numbers in [0, count), of uniform ones in [0, 1)."""
    return torch.minimum((uniform * count).long(), count - 1)


@TRANSFORMS.register_module()
class TrimFrames(TimeAugmentation):
    """Cut a random window out of a sequence ``(T, ...)`` (MASA, section 3: random trimming).

    The window has n frames, uniform in {ceil(ratio * T), ..., T}, and any start. In ``common`` it is one window for all
    views, in a view one of its own.

    Args:
        ratio: Least share of the sequence, in (0, 1].
        min_frames: Least number of frames; a shorter sequence stays whole.
        prob: Probability per sequence.
    """

    def __init__(self, ratio: float = 0.5, min_frames: int = 16, prob: float = 1.0) -> None:
        super().__init__(prob)
        self.ratio, self.min_frames = (
            in_range(self, "ratio", ratio, 0, 1, above=True),
            whole(self, "min_frames", min_frames),
        )

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        return {"window": _rand(x, generator, 2)}

    def choose(self, length: Tensor, frames: int, draws: Draws) -> Frames:
        size, start = draws["window"].unbind(1)
        least = (length * self.ratio).ceil().long().clamp(min=self.min_frames)
        least = torch.minimum(least, length)
        count = least + _upto(size, length - least + 1)
        start = _upto(start, length - count + 1)
        return Frames(start[:, None] + torch.arange(frames, device=length.device), count)


class _ChangeSpeed(TimeAugmentation):
    """Base of what drops frames, or inserts frames between neighbors; which, :meth:`slow` says."""

    def __init__(self, max_drop: float, max_insert: float, prob: float = 1.0) -> None:
        super().__init__(prob)
        self.max_drop, self.max_insert = in_range(self, "max_drop", max_drop, 0, 1), max_insert
        in_range(self, "max_insert", max_insert, 0, 1)
        if max_drop == 1:
            raise ConfigError(f"{type(self).__name__}: max_drop=1 may drop all frames; give a share below 1")

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        return {"share": _rand(x, generator), "score": _rand(x, generator, x.shape[1])}

    def slow(self, draws: Draws) -> Tensor:
        """Which sequences ``(N,)`` are slowed down."""
        return torch.full_like(draws["share"], self.max_insert > 0, dtype=torch.bool)

    def frames_out(self, frames: int) -> int:
        return frames + math.floor(self.max_insert * frames)

    def choose(self, length: Tensor, frames: int, draws: Draws) -> Frames:
        slow = self.slow(draws)
        share = draws["share"] * torch.where(slow, self.max_insert, self.max_drop)
        among = (length - slow.long()).clamp(min=0)  # no frame stands between the last one and the next
        count = torch.minimum((share * length).long(), among)
        changed = choose_frames(draws["score"], among, count)
        copies = torch.where(changed, 2 * slow.long()[:, None], 1)
        copies = copies.masked_fill(torch.arange(frames, device=length.device) >= length[:, None], 0)
        place, again, count = repeat_frames(copies, self.frames_out(frames))
        return Frames(place, count, again if self.max_insert > 0 else None)


@TRANSFORMS.register_module()
class DropFrames(_ChangeSpeed):
    """Drop random frames of a sequence ``(T, ...)``: CASA's faster version, and MASA's random dropping (section 3).

    ``int(r * T)`` frames go, r uniform in [0, max_drop); the others keep their order, and at least one is left.

    Args:
        max_drop: Largest share dropped, in [0, 1).
        prob: Probability per sequence.
    """

    def __init__(self, max_drop: float = 0.5, prob: float = 1.0) -> None:
        super().__init__(max_drop, 0.0, prob)


@TRANSFORMS.register_module()
class SlowFrames(_ChangeSpeed):
    """Insert means of neighbors into a sequence ``(T, ...)``, behind random frames: CASA's slower version.

    ``int(r * T)`` frames are inserted, r uniform in [0, max_insert), at most one behind each frame, none behind the
    last. Their index has a fraction. The batch gets ``floor(max_insert * T)`` frames longer.

    Args:
        max_insert: Largest share inserted, in [0, 1].
    """

    def __init__(self, max_insert: float = 0.5) -> None:
        super().__init__(0.0, max_insert)


@TRANSFORMS.register_module()
class FastOrSlow(_ChangeSpeed):
    """Either drop frames of a sequence ``(T, ...)`` or insert some, as ``DropFrames`` or ``SlowFrames`` (CASA).

    Args:
        max_drop: Largest share dropped, in [0, 1).
        max_insert: Largest share inserted, in [0, 1].
        slow_prob: Probability that a sequence is slowed down; else frames are dropped.
    """

    def __init__(self, max_drop: float = 0.5, max_insert: float = 0.5, slow_prob: float = 0.5) -> None:
        super().__init__(max_drop, max_insert)
        self.slow_prob = in_range(self, "slow_prob", slow_prob, 0, 1)

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        return {**super().parameters(x, generator), "slow": _rand(x, generator) < self.slow_prob}

    def slow(self, draws: Draws) -> Tensor:
        return draws["slow"]


Rule = Literal["offset_uniform", "segment_uniform", "sorted_uniform", "stride", "carl"]
RULES = ("offset_uniform", "segment_uniform", "sorted_uniform", "stride", "carl")


@TRANSFORMS.register_module()
class SampleFrames(TimeAugmentation):
    """Sample a fixed number of frames of a sequence ``(T, ...)``, in ascending order.

    * ``offset_uniform``: a random choice without frame 0 (TCC).
    * ``segment_uniform``: a random frame of each of ``num`` equal segments (LAV).
    * ``sorted_uniform``: a random choice (VSP).
    * ``stride``: every ``stride``-th frame from a random start.
    * ``carl``: a random choice from a block of ``ceil(s * T)`` frames from the first one, s uniform in [1,
      max_stretch]; frames beyond the end are not valid, the first one sampled always is (CARL).

    A choice from fewer than ``num`` frames takes them in turn, evenly repeated; ``stride`` repeats the last frame.

    Args:
        num: Frames sampled, T' of the view.
        rule: One of the above.
        stride: Distance in frames of the rule ``stride``.
        max_stretch: Largest block of the rule ``carl``, as a multiple of the sequence, at least 1.
        short: ``'repeat'``: as above. ``'mask'``: a sequence with fewer frames than ``num`` (of ``stride``: with fewer
            than the span) shows each once, and the places left are not valid.

    Raises:
        ConfigError: Another rule, or numbers out of range.
    """

    def __init__(
        self, num: int, rule: Rule = "offset_uniform", stride: int = 1, max_stretch: float = 1.5,
        short: Literal["repeat", "mask"] = "repeat",
    ) -> None:  # fmt: skip
        super().__init__()
        if rule not in RULES:
            raise ConfigError(f"SampleFrames: rule={rule!r}; give one of {', '.join(RULES)}")
        if short not in ("repeat", "mask"):
            raise ConfigError(f"SampleFrames: short={short!r}; give 'repeat' or 'mask'")
        self.num, self.rule, self.short = whole(self, "num", num), rule, short
        self.stride, self.max_stretch = whole(self, "stride", stride), in_range(self, "max_stretch", max_stretch, 1)

    def frames_out(self, frames: int) -> int:
        return self.num

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        if self.rule == "stride":
            return {"start": _rand(x, generator)}
        if self.rule == "segment_uniform":
            return {"within": _rand(x, generator, self.num)}
        width = max(self.num, math.ceil(x.shape[1] * (self.max_stretch if self.rule == "carl" else 1)))
        stretch = {"stretch": _rand(x, generator)} if self.rule == "carl" else {}
        return {**stretch, "score": _rand(x, generator, width)}

    def choose(self, length: Tensor, frames: int, draws: Draws) -> Frames:
        some = length.clamp(min=1)
        number = torch.arange(self.num, device=length.device)
        if self.rule == "stride":
            room = (some - self.stride * (self.num - 1)).clamp(min=1)
            place = _upto(draws["start"], room)[:, None] + number * self.stride
            enough = place < some[:, None]
            place = torch.minimum(place, some[:, None] - 1)
        elif self.rule == "segment_uniform":
            place = _upto((number + draws["within"]) / self.num, some[:, None])
            enough = some[:, None] >= self.num
            place = place if self.short == "repeat" else torch.where(enough, place, number)
            enough = enough | (number < some[:, None])
        else:
            return self._choice(length, some, draws)
        counted = enough if self.short == "mask" else torch.ones_like(place, dtype=torch.bool)
        return Frames(place, counted.sum(1) * (length > 0))

    def _choice(self, length: Tensor, some: Tensor, draws: Draws) -> Frames:
        first = (some > 1).long() if self.rule == "offset_uniform" else torch.zeros_like(some)
        among = some - first
        if self.rule == "carl":
            block = (some * (1 + draws["stretch"] * (self.max_stretch - 1))).ceil().long()
            among = block.clamp(max=draws["score"].shape[1])
        place = first[:, None] + sorted_choice(draws["score"], among, self.num)
        number = torch.arange(self.num, device=length.device)
        if self.short == "mask":
            place = torch.where(among[:, None] < self.num, first[:, None] + number, place)
        place = torch.cat([torch.minimum(place[:, :1], some[:, None] - 1), place[:, 1:]], 1)
        return Frames(place, (place < some[:, None]).sum(1) * (length > 0))


@TRANSFORMS.register_module()
class TCNPairs(TimeAugmentation):
    """Sample anchor frames of a sequence ``(T, ...)``, and for each a positive shortly before it (single-view TCN).

    Places 0, 2, ... have the anchors, ascending, a random choice without frame 0; each is followed by its positive,
    uniform in the ``window`` frames before it. So ``index`` does not ascend. With fewer than ``num`` frames to choose
    from, anchors are repeated evenly; the only frame of a sequence is its own positive.

    Args:
        num: Pairs; the view has ``T' = 2 * num`` frames.
        window: Largest distance of a positive, in frames.
    """

    def __init__(self, num: int, window: int = 5) -> None:
        super().__init__()
        self.num, self.window = whole(self, "num", num), whole(self, "window", window)

    def frames_out(self, frames: int) -> int:
        return 2 * self.num

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        return {"score": _rand(x, generator, max(self.num, x.shape[1])), "back": _rand(x, generator, self.num)}

    def choose(self, length: Tensor, frames: int, draws: Draws) -> Frames:
        first = (length > 1).long()
        anchor = first[:, None] + sorted_choice(draws["score"], (length - first).clamp(min=1), self.num)
        reach = anchor.clamp(max=self.window)
        positive = anchor - torch.where(reach > 0, 1 + _upto(draws["back"], reach), 0)
        return Frames(torch.stack([anchor, positive], 2).flatten(1), 2 * self.num * (length > 0))
