"""Augmentation of video: maps of frames, of the picture's plane and of its colors, fused and run on a whole batch.

Maps of frames, plane and colors act on different axes and commute, and maps of one kind compose. So a chain of crop,
flip and color costs one gather of frames, one resampling and one affine map of the channels. Noise and blur are steps
of their own. An augmentation says *which map* it is (the small classes below), and :func:`augment_video` runs a list.

Parameters of N samples of K tracks are ``(N, Q, ...)``; Q is K, or 1 where the tracks of a sample share them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Union

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.ops.time_maps import TimeIndex, blur_matrix

FLOW_BOUND = 20.0
"""Pixels a frame: optical flow is limited to them, and given as a share of them (Carreira and Zisserman, 2017)."""
FLOW_ZERO = 127
"""Code of no motion in flow of 8 bits, and the number of steps to the bound either way."""
LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in the grey value of a color (ITU-R BT.601)."""


@dataclass(frozen=True)
class Crop:
    """Cut ``box (N, Q, 4)`` (left, top, width, height; shares), mirror by ``flip (N, Q)``, scale to ``size`` px."""

    box: Optional[Tensor] = None
    flip: Optional[Tensor] = None
    size: Optional[int] = None


@dataclass(frozen=True)
class Color:
    """A color c becomes ``gain * matrix @ c + shift``, with ``(N, Q, 1 or T)`` numbers.

    Rows of ``matrix (N, Q, 1 or T, 3, 3)`` sum to 1, so these maps compose; ``None``: the identity.
    """

    gain: Tensor
    shift: Tensor
    matrix: Optional[Tensor] = None


@dataclass(frozen=True)
class AddNoise:
    """Add ``value (N, Q, C, 1 or T, H, W)``."""

    value: Tensor


@dataclass(frozen=True)
class Blur:
    """Gaussian of ``sigma (N, Q)`` pixels, weights summing to 1, where ``apply (N,)`` bool (``None``: all)."""

    sigma: Tensor
    apply: Optional[Tensor] = None


VideoMap = Union[TimeIndex, Crop, Color, AddNoise, Blur]


def to_unit(video: Tensor) -> Tensor:
    """Colors, or codes of flow (C = 2), ``(..., T, H, W, C)`` uint8 as ``(..., C, T, H, W)`` float32 in [-1, 1]."""
    x = video.movedim(-1, -4)
    flow, x = is_flow(x), x.to(torch.float32, memory_format=torch.contiguous_format)
    return x.sub_(FLOW_ZERO).div_(FLOW_ZERO) if flow else x.mul_(2 / 255).sub_(1)


def is_flow(x: Tensor) -> bool:
    """Whether ``(..., C, T, H, W)`` is optical flow, whose C is 2: pixels to the right and down, shares of 20."""
    return x.shape[-4] == 2


def crop_resize(x: Tensor, box: Tensor, flip: Optional[Tensor], size: int) -> Tensor:
    """Cut a box out of every frame of a track, mirror it, scale it bilinearly to a square ``(N, K, C, T, size, size)``.

    One sampling grid serves all frames and channels of a track. There is no low-pass filter: pictures should not be
    much larger than ``size``. Optical flow is in pixels of its picture, so its values grow as the picture does, and to
    the right becomes to the left in the mirror. Beyond the picture is what is at its edge.

    Args:
        x: ``(N, K, C, T, H, W)``, color or optical flow.
        box: ``(N, K, 4)`` shares of the picture: left, top, width, height.
        flip: ``(N, K)`` bool; ``None`` for none.
        size: Side of the result, pixels.
    """
    left, top, width, height = box.flatten(0, 1).unbind(1)
    at = (torch.arange(size, device=x.device, dtype=x.dtype) + 0.5) / size
    across = at.expand(len(left), size)
    if flip is not None:
        across = torch.where(flip.flatten()[:, None], across.flip(1), across)
    columns = 2 * (left[:, None] + width[:, None] * across) - 1
    rows = 2 * (top[:, None] + height[:, None] * at) - 1
    grid = torch.stack([columns[:, None].expand(-1, size, -1), rows[:, :, None].expand(-1, -1, size)], -1)
    flat = x.flatten(2, 3).flatten(0, 1)  # (N K, C T, H, W)
    out = F.grid_sample(flat, grid, mode="bilinear", padding_mode="border", align_corners=False)
    out = out.view(*x.shape[:4], size, size)
    if is_flow(x):
        right, down = size / (x.shape[-1] * box[..., 2]), size / (x.shape[-2] * box[..., 3])
        if flip is not None:
            right = torch.where(flip, -right, right)
        out = (out * torch.stack([right, down], -1)[..., None, None, None]).clamp_(-1, 1)
    return out


def saturation_matrix(factor: Tensor) -> Tensor:
    """Color matrices ``(..., 3, 3)`` that scale the distance of colors to their grey value by ``factor (...)``."""
    grey = factor.new_tensor(LUMA).expand(3, 3)
    return factor[..., None, None] * torch.eye(3, device=factor.device) + (1 - factor[..., None, None]) * grey


def hue_matrix(turn: Tensor) -> Tensor:
    """Color matrices ``(..., 3, 3)`` that turn the hue by ``turn (...)`` of a circle about the grey axis of YIQ."""
    to_yiq = turn.new_tensor([LUMA, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112)])
    angle = turn * (2 * torch.pi)
    c, s, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    rows = torch.stack([one, zero, zero, zero, c, -s, zero, s, c], -1).unflatten(-1, (3, 3))
    return torch.linalg.inv(to_yiq) @ rows @ to_yiq


@dataclass
class _Fused:
    """Consecutive maps of frames, plane and colors, at most one of each: those of different kinds commute."""

    frames: Optional[Tensor] = None
    crop: Optional[Crop] = None
    color: Optional[Color] = None

    def add(self, op: Union[TimeIndex, Crop, Color]) -> None:
        if isinstance(op, TimeIndex):
            self.frames = op.index if self.frames is None else self.frames.gather(1, op.index)
            self.color = self.color and _frames_of_color(self.color, op.index)
        elif isinstance(op, Crop):
            self.crop = op if self.crop is None else _crop_of_crop(self.crop, op)
        else:
            self.color = op if self.color is None else _color_of_color(self.color, op)

    def run(self, x: Tensor, own: bool) -> tuple[Tensor, bool]:
        """Run the maps on ``x (N, K, C, T, H, W)``; ``own``, in and out, says whether the data may be written to."""
        if self.frames is not None:
            x, own = _take_frames(x, self.frames), True
        if self.crop is not None:
            x, own = _run_crop(x, self.crop), True
        if self.color is not None:
            x, own = _run_color(x, self.color, own), True
        return x, own


def _crop_of_crop(first: Crop, then: Crop) -> Crop:
    """One crop that does both: the second box is a part of the first one's result, which may be mirrored."""
    flip = first.flip if then.flip is None else then.flip if first.flip is None else first.flip ^ then.flip
    box = first.box if then.box is None else then.box
    if first.flip is not None and then.box is not None:
        left, top, width, height = then.box.unbind(-1)
        box = torch.stack([torch.where(first.flip, 1 - left - width, left), top, width, height], -1)
    if first.box is not None and then.box is not None and box is not None:
        box = torch.cat([first.box[..., :2] + first.box[..., 2:] * box[..., :2], first.box[..., 2:] * box[..., 2:]], -1)
    return Crop(box, flip, then.size or first.size)


def _color_of_color(first: Color, then: Color) -> Color:
    matrix = first.matrix if then.matrix is None else then.matrix
    if first.matrix is not None and then.matrix is not None:
        matrix = then.matrix @ first.matrix
    return Color(then.gain * first.gain, then.gain * first.shift + then.shift, matrix)


def _frames_of_color(op: Color, index: Tensor) -> Color:
    """The colors of the chosen frames; what is the same for all frames stays so."""

    def take(value: Tensor) -> Tensor:
        sample = torch.arange(len(index), device=index.device)[:, None]
        return value if value.shape[2] == 1 else value.transpose(1, 2)[sample, index].transpose(1, 2)

    return Color(take(op.gain), take(op.shift), None if op.matrix is None else take(op.matrix))


def _take_frames(x: Tensor, index: Tensor) -> Tensor:
    rows = x.flatten(1, 2)  # (N, K C, T, H, W)
    start = torch.arange(rows.shape[0] * rows.shape[1], device=x.device).view(*rows.shape[:2], 1) * x.shape[3]
    chosen = (start + index[:, None]).flatten()
    return x.flatten(0, 3).index_select(0, chosen).view(*x.shape[:3], index.shape[1], *x.shape[4:])


def _run_crop(x: Tensor, op: Crop) -> Tensor:
    n, k = x.shape[:2]
    box = x.new_tensor([0.0, 0.0, 1.0, 1.0]) if op.box is None else op.box
    flip = None if op.flip is None else op.flip.expand(n, k)
    return crop_resize(x, box.expand(n, k, 4), flip, op.size or x.shape[-1])


def _run_color(x: Tensor, op: Color, own: bool) -> Tensor:
    gain, shift = (value[:, :, None, :, None, None] for value in (op.gain, op.shift))
    if op.matrix is None:
        return (x.mul_(gain) if own else x * gain).add_(shift)
    matrix = (op.gain[..., None, None] * op.matrix).expand(*x.shape[:2], -1, -1, -1)
    if matrix.shape[2] == 1:  # one for all frames
        return (matrix.squeeze(2) @ x.flatten(3)).view_as(x).add_(shift)
    return torch.einsum("nktdc,nkcthw->nkdthw", matrix, x).add_(shift)


def _run_blur(x: Tensor, op: Blur) -> Tensor:
    chosen = None if op.apply is None else op.apply.nonzero().flatten()
    y, sigma = (x, op.sigma) if chosen is None else (x[chosen], op.sigma[chosen])
    if not len(y):
        return x
    sigma = sigma.expand(*y.shape[:2]).flatten()
    for axis in (-1, -2):
        size = y.shape[axis]
        matrix = blur_matrix(sigma, size, 2 * size - 1)  # (N K, size, size)
        lines = y.flatten(0, 1).movedim(axis, -1)
        y = (lines.flatten(1, -2) @ matrix.transpose(1, 2)).view(lines.shape).movedim(-1, axis).view_as(y)
    return y if chosen is None else x.index_copy(0, chosen, y)


def augment_video(x: Tensor, maps: Sequence[VideoMap]) -> Tensor:
    """Run maps on clips, fused where they commute.

    Args:
        x: ``(N, K, C, T, H, W)`` in [-1, 1]; it is not changed.
        maps: In their order.

    Returns:
        Tensor: ``(N, K, C, T', H', W')`` in [-1, 1]: T' is that of the last map of frames, H' and W' the size of the
        last crop that has one. Without maps it is ``x`` itself.
    """
    last = _Fused()
    steps: list[Union[_Fused, AddNoise, Blur]] = [last]
    for op in maps:
        if isinstance(op, (TimeIndex, Crop, Color)):
            last.add(op)
        else:
            last = _Fused()
            steps += [op, last]
    own = bright = False
    for step in steps:
        if isinstance(step, _Fused):
            x, own = step.run(x, own)
            bright = bright or step.color is not None
        elif isinstance(step, AddNoise):
            x, own, bright = (x.add_(step.value) if own else x + step.value), True, True
        else:
            blurred = _run_blur(x, step)
            x, own = blurred, own or blurred is not x  # where no clip is blurred, these are still the caller's
    return x.clamp_(-1, 1) if bright else x
