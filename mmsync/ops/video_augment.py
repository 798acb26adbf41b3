"""Augmentation of clips of video: one draw for all frames of a clip, all clips of a batch at once."""

from __future__ import annotations

from typing import NamedTuple, Optional

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


class VideoDraws(NamedTuple):
    """Parameters of N samples of K tracks; Q is K, or 1 where the tracks of a sample share them.

    Attributes:
        box: ``(N, Q, 4)``: left, top, width, height of the crop, as shares of the picture.
        flip: ``(N, 1)`` bool: mirror left and right, all tracks alike: else they would no longer face each other.
        gain: ``(N, Q)`` factor of the values in [-1, 1], about mid-grey.
        shift: ``(N, Q)`` what is added to them.
        noise: ``(N, Q, C, 1 or T, h, w)`` to be added, its deviation included; ``None`` for none.
    """

    box: Tensor
    flip: Tensor
    gain: Tensor
    shift: Tensor
    noise: Optional[Tensor] = None


def to_unit(video: Tensor) -> Tensor:
    """Pictures to what networks of the I3D family take.

    Args:
        video: ``(N, K, T, H, W, C)`` uint8.

    Returns:
        ``(N, K, C, T, H, W)`` float32 in [-1, 1]: ``x * 2 / 255 - 1``.
    """
    x = video.permute(0, 1, 5, 2, 3, 4)
    return x.to(torch.float32, memory_format=torch.contiguous_format).mul_(2 / 255).sub_(1)


def crop_resize(x: Tensor, box: Tensor, flip: Optional[Tensor], size: int) -> Tensor:
    """Cut a box out of every frame of a track, mirror it, scale it to a square, bilinearly.

    One sampling grid serves all frames and channels of a track. There is no low-pass filter: pictures should not be
    much larger than ``size`` (sources crop to the size that they are asked for).

    Args:
        x: ``(N, K, C, T, H, W)``.
        box: ``(N, K, 4)`` shares of the picture: left, top, width, height.
        flip: ``(N, K)`` bool; ``None`` for none.
        size: Side of the result, pixels.

    Returns:
        ``(N, K, C, T, size, size)``; beyond the picture is what is at its edge.
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
    return out.view(*x.shape[:4], size, size)


def draw_video(
    n: int,
    k: int,
    frames: int,
    size: int,
    crop: tuple[float, float],
    flip: float,
    noise: float,
    brightness: float,
    contrast: float,
    shared_noise: bool,
    per_track: bool,
    generator: Generator,
    channels: int = 3,
) -> VideoDraws:
    """Draw the parameters of a batch.

    Args:
        n: Samples N.
        k: Tracks K of a sample.
        frames: Frames T.
        size: Side of the result, pixels.
        crop: Smallest and largest side of the crop, as a share of the picture's.
        flip: Probability.
        noise: Largest deviation, of values in [-1, 1]; a track's own is uniform from 0.
        brightness: Largest shift of the values, either way.
        contrast: Largest change of the gain from 1, either way.
        shared_noise: One field of noise for all frames, else a new one in each.
        per_track: Draw anew for each track, all but the flip.
        generator: Source of randomness, on the device of the result.
        channels: C of the pictures.

    Returns:
        The parameters.
    """
    q, device = k if per_track else 1, generator.device
    u = torch.rand(n, q, 6, device=device, generator=generator)
    side = crop[0] + (crop[1] - crop[0]) * u[..., 0]
    box = torch.stack([(1 - side) * u[..., 1], (1 - side) * u[..., 2], side, side], -1)
    flips = torch.rand(n, 1, device=device, generator=generator) < flip
    field = None
    if noise:
        shape = (n, q, channels, 1 if shared_noise else frames, size, size)
        field = torch.randn(shape, device=device, generator=generator).mul_(
            noise * u[..., 3][..., None, None, None, None]
        )
    gain, shift = 1 + contrast * (2 * u[..., 4] - 1), brightness * (2 * u[..., 5] - 1)
    return VideoDraws(box, flips, gain, shift, field)


def augment_video(x: Tensor, draws: VideoDraws, size: int) -> Tensor:
    """Crop, mirror and scale; then gain and shift, then noise, and all values back into [-1, 1].

    Args:
        x: ``(N, K, C, T, H, W)`` in [-1, 1].
        draws: The parameters.
        size: Side of the result, pixels.

    Returns:
        ``(N, K, C, T, size, size)``.
    """
    n, k = x.shape[:2]
    out = crop_resize(x, draws.box.expand(n, k, 4), draws.flip.expand(n, k), size)
    gain, shift = (value[..., None, None, None, None] for value in (draws.gain, draws.shift))
    out = out.mul_(gain).add_(shift)
    if draws.noise is not None:
        out = out.add_(draws.noise)
    return out.clamp_(-1, 1)
