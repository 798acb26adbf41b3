"""Augmentation of clips of video: one draw for all frames of a clip, all clips of a batch at once."""

from __future__ import annotations

from typing import NamedTuple, Optional

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

FLOW_BOUND = 20.0
"""Pixels a frame: optical flow is limited to them, and given as a share of them (Carreira and Zisserman, 2017)."""
FLOW_ZERO = 127
"""Code of no motion in flow of 8 bits, and the number of steps to the bound either way."""


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
    """Pictures, or codes of optical flow, to what networks of the I3D family take.

    Args:
        video: ``(N, K, T, H, W, C)`` uint8; C is 3 of colour and 2 of flow.

    Returns:
        ``(N, K, C, T, H, W)`` float32 in [-1, 1]: ``x * 2 / 255 - 1`` of colour, ``x / 127 - 1`` of flow.
    """
    x = video.permute(0, 1, 5, 2, 3, 4)
    flow, x = is_flow(x), x.to(torch.float32, memory_format=torch.contiguous_format)
    return x.sub_(FLOW_ZERO).div_(FLOW_ZERO) if flow else x.mul_(2 / 255).sub_(1)


def is_flow(x: Tensor) -> bool:
    """Whether ``(N, K, C, T, H, W)`` is optical flow, whose C is 2: pixels to the right and down, shares of 20."""
    return x.shape[2] == 2


def crop_resize(x: Tensor, box: Tensor, flip: Optional[Tensor], size: int) -> Tensor:
    """Cut a box out of every frame of a track, mirror it, scale it to a square, bilinearly.

    One sampling grid serves all frames and channels of a track. There is no low-pass filter: pictures should not be
    much larger than ``size`` (sources crop to the size that they are asked for). Optical flow is in pixels of its
    picture, so its values grow as the picture does, and to the right becomes to the left in the mirror.

    Args:
        x: ``(N, K, C, T, H, W)``, colour or optical flow.
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
    out = out.view(*x.shape[:4], size, size)
    if is_flow(x):
        right, down = size / (x.shape[-1] * box[..., 2]), size / (x.shape[-2] * box[..., 3])
        if flip is not None:
            right = torch.where(flip, -right, right)
        out = (out * torch.stack([right, down], -1)[..., None, None, None]).clamp_(-1, 1)
    return out


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
