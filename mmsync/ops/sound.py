"""Front ends of sound: spectrograms, mel filters, cepstra and companding of batches of waveforms; and the way back.

Waveforms are ``(..., S)`` float in [-1, 1], at a rate in samples a second; windows and hops are in samples. A spectrum
costs ``O(T n_fft log n_fft)`` for T frames and the mel bands one matrix product, ``O(T F n_fft / 2)`` for F bands.
"""

from __future__ import annotations

import math
import sys
from functools import lru_cache
from typing import Literal, Optional

import torch
import torch.nn.functional as F
from torch import Tensor

MelScale = Literal["slaney", "htk"]
MelNorm = Literal["slaney", "sum", "none"]
INT16 = 2.0**15
LEVELS = (-100.0, 80.0)
"""Range of levels, dB, as Owens and Efros (2018) clip them."""
_FLOOR = sys.float_info.epsilon  # of energies whose logarithm is taken, as in python_speech_features


def spectrum(
    x: Tensor, n_fft: int, window: int, hop: int, hann: bool = True, center: bool = True, power: float = 2.0
) -> Tensor:
    """Magnitudes to the ``power`` of short-time spectra, ``(..., n_fft // 2 + 1, T)``.

    Args:
        x: Waveforms ``(..., S)``.
        n_fft: Length of the Fourier transform; frames are padded with zeros to it, at their end unless ``center``.
        window: Samples of a frame, at most ``n_fft``.
        hop: Samples from one frame to the next.
        hann: A periodic Hann window, else a rectangular one.
        center: Frames are centered on multiples of ``hop``, the waveform being padded with zeros, and there are ``1 + S
            // hop``; else they begin there and lie within it, and there are ``1 + (S - window) // hop``.
        power: 1 for magnitudes, 2 for energies.

    Raises:
        ValueError: Lengths that are not positive, a window longer than ``n_fft``, or a waveform shorter than one frame.
    """
    if min(n_fft, window, hop) < 1 or window > n_fft:
        raise ValueError(f"spectrum: {n_fft=}, {window=}, {hop=}: give positive numbers, window <= n_fft")
    taper = torch.hann_window(window, dtype=x.dtype, device=x.device) if hann else x.new_ones(window)
    if center:
        flat = torch.stft(x.reshape(-1, x.shape[-1]), n_fft, hop, window, taper, True, "constant", return_complex=True)
        found = flat.view(*x.shape[:-1], *flat.shape[1:])
    else:
        if x.shape[-1] < window:
            raise ValueError(f"a waveform of {x.shape[-1]} samples is shorter than one window of {window}")
        found = torch.fft.rfft(x.unfold(-1, window, hop) * taper, n_fft).transpose(-1, -2)
    return found.abs() if power == 1 else found.abs().square() if power == 2 else found.abs() ** power


def polar_spectrum(
    x: Tensor, n_fft: int, window: int, hop: int, levels: tuple[float, float] = LEVELS
) -> Tensor:  # fmt: skip
    """Levels and phases ``(..., 2, n_fft // 2, 1 + S // hop)`` of waveforms ``(..., S)``, both in [-1, 1].

    Levels in dB are clipped to the range ``levels``, and the highest bin is left out (Owens and Efros, 2018). Frames
    are centered, as those of :func:`spectrum`.
    """
    taper = torch.hann_window(window, dtype=x.dtype, device=x.device)
    flat = torch.stft(x.reshape(-1, x.shape[-1]), n_fft, hop, window, taper, True, "constant", return_complex=True)
    flat = flat[:, :-1]
    low, high = levels
    level = (20 * flat.abs().clamp(min=10 ** (low / 20)).log10()).clamp(max=high)
    both = torch.stack([2 * (level - low) / (high - low) - 1, flat.angle() / torch.pi], 1)
    return both.unflatten(0, x.shape[:-1])


def polar_waveform(
    x: Tensor, samples: int, n_fft: int, window: int, hop: int, levels: tuple[float, float] = LEVELS
) -> Tensor:  # fmt: skip
    """Waveforms ``(..., samples)`` of the levels and phases of :func:`polar_spectrum`."""
    low, high = levels
    flat = x.flatten(0, -4) if x.dim() > 3 else x[None]
    size = 10 ** (((flat[:, 0] + 1) / 2 * (high - low) + low) / 20)
    complex_ = torch.polar(size, flat[:, 1] * torch.pi)
    taper = torch.hann_window(window, dtype=x.dtype, device=x.device)
    found = torch.istft(F.pad(complex_, (0, 0, 0, 1)), n_fft, hop, window, taper, True, length=samples)
    return found.view(*x.shape[:-3], samples)


def si_sdr(estimate: Tensor, target: Tensor, eps: float = 1e-8) -> Tensor:
    """Scale-invariant signal-to-distortion ratio ``(...)`` of waveforms ``(..., S)``, dB (Le Roux et al., 2019)."""
    scale = (estimate * target).sum(-1, keepdim=True) / (target.square().sum(-1, keepdim=True) + eps)
    wanted = scale * target
    return 10 * ((wanted.square().sum(-1) + eps) / ((wanted - estimate).square().sum(-1) + eps)).log10()


def hz_to_mel(hz: Tensor, scale: MelScale) -> Tensor:
    """Mel of frequencies in Hz: O'Shaughnessy's formula (``'htk'``), or linear below 1 kHz (``'slaney'``)."""
    if scale == "htk":
        return 2595 * (1 + hz / 700).log10()
    return torch.where(hz < 1000, hz * 3 / 200, 15 + 27 * (hz.clamp(min=1000) / 1000).log() / math.log(6.4))


def mel_to_hz(mel: Tensor, scale: MelScale) -> Tensor:
    """The inverse of :func:`hz_to_mel`."""
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    return torch.where(mel < 15, mel * 200 / 3, 1000 * ((mel.clamp(min=15) - 15) * math.log(6.4) / 27).exp())


@lru_cache(maxsize=16)
def mel_filters(
    rate: float, n_fft: int, bands: int, low: float = 0.0, high: Optional[float] = None, scale: MelScale = "slaney",
    norm: MelNorm = "slaney", whole_bins: bool = False,
) -> Tensor:  # fmt: skip
    """Triangular filters ``(bands, n_fft // 2 + 1)`` float32, equally spaced in mel from ``low`` to ``high`` Hz.

    Args:
        rate: Samples a second.
        n_fft: Length of the Fourier transform.
        bands: Number of filters.
        low: Lowest frequency, Hz.
        high: Highest frequency, Hz; ``None``: half the rate.
        scale: See :func:`hz_to_mel`.
        norm: ``'slaney'`` scales each filter to the area 1 in Hz, ``'sum'`` its weights to the sum 1.
        whole_bins: Corners are moved to bins of the transform, as python_speech_features does.

    Raises:
        ValueError: Frequencies out of order or above half the rate, or a filter without any bin.
    """
    high = rate / 2 if high is None else high
    if not 0 <= low < high <= rate / 2 or bands < 1:
        raise ValueError(
            f"mel_filters: {bands=}, {low=}, {high=}: give 0 <= low < high <= {rate / 2:g} (half the rate)"
        )
    ends = hz_to_mel(torch.tensor([low, high], dtype=torch.float64), scale)
    corners = mel_to_hz(torch.linspace(float(ends[0]), float(ends[1]), bands + 2, dtype=torch.float64), scale)
    bins = torch.arange(n_fft // 2 + 1, dtype=torch.float64)
    edges = corners
    if whole_bins:
        edges = ((n_fft + 1) * corners / rate).floor()
    else:
        bins = bins * rate / n_fft
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    if whole_bins:  # a bin on a corner belongs to the slope that begins there
        inside = (bins >= edges[:-2, None]) & (bins < edges[2:, None])
        weights = torch.where(inside, torch.where(bins < edges[1:-1, None], rising, falling), 0.0)
    else:
        weights = torch.minimum(rising, falling).clamp(min=0)
    if norm != "none":
        total = weights.sum(1) if norm == "sum" else (corners[2:] - corners[:-2]) / 2
        if (weights.sum(1) == 0).any():
            empty = int((weights.sum(1) == 0).float().argmax())
            raise ValueError(f"mel_filters: band {empty} of {bands} has no bin; use fewer bands or a larger n_fft")
        weights = weights / total[:, None]
    return weights.float()


def log_linear(x: Tensor) -> Tensor:
    """``log(x)`` from e upwards and, continuously, ``x / e`` below, for ``x >= 0``."""
    return torch.where(x < torch.e, x / torch.e, x.clamp(min=torch.e).log())


def decibels(power: Tensor, top: Optional[float] = None, floor: float = 1e-10) -> Tensor:
    """``10 log10`` of energies ``(N, ..., F, T)``, at most ``top`` dB below the largest of each sample."""
    level = 10 * power.clamp(min=floor).log10()
    if top is None:
        return level
    largest = level.flatten(1).amax(1).view(-1, *[1] * (level.dim() - 1))
    return torch.maximum(level, largest - top)


def mu_law(x: Tensor, mu: float = 255.0) -> Tensor:
    """Companding of [-1, 1]: ``sign(x) log(1 + mu |x|) / log(1 + mu)``; the network hears quiet sounds too."""
    return x.sign() * torch.log1p(mu * x.abs()) / math.log1p(mu)


def speech_spectrum(x: Tensor, n_fft: int, window: int, hop: int, preemphasis: float = 0.97) -> Tensor:
    """Energies ``(..., n_fft // 2 + 1, T)`` as python_speech_features takes them, of values of 16 bits.

    The waveform is pre-emphasized, ``x[t] - 0.97 x[t - 1]``, cut into rectangular frames, the last one padded with
    zeros, and each energy is divided by ``n_fft``.
    """
    if window > n_fft:
        raise ValueError(f"speech_spectrum: {window=} is longer than {n_fft=}")
    x = x * INT16
    x = torch.cat([x[..., :1], x[..., 1:] - preemphasis * x[..., :-1]], -1)
    frames = 1 + max(0, -(-(x.shape[-1] - window) // hop))
    x = F.pad(x, (0, (frames - 1) * hop + window - x.shape[-1]))
    return spectrum(x, n_fft, window, hop, hann=False, center=False) / n_fft


def log_filterbank(x: Tensor, rate: int, n_fft: int, window: int, hop: int, bands: int) -> Tensor:
    """Logarithms of mel energies ``(..., bands, T)`` of :func:`speech_spectrum`."""
    power = speech_spectrum(x, n_fft, window, hop)
    filters = mel_filters(rate, n_fft, bands, scale="htk", norm="none", whole_bins=True).to(x)
    return (filters @ power).clamp(min=_FLOOR).log()


def mfcc(
    x: Tensor, rate: int = 16000, n_fft: int = 512, window: int = 400, hop: int = 160, bands: int = 26, count: int = 13,
    lifter: int = 22,
) -> Tensor:  # fmt: skip
    """Mel-frequency cepstral coefficients ``(..., count, T)``, the first replaced by the log of the frame's energy.

    The defaults are those of python_speech_features at 16 kHz, which SyncNet takes: windows of 25 ms every 10 ms, 26
    filters, an orthonormal cosine transform of type II, and Juang's lifter, ``1 + L / 2 sin(pi n / L)``.
    """
    power = speech_spectrum(x, n_fft, window, hop)
    filters = mel_filters(rate, n_fft, bands, scale="htk", norm="none", whole_bins=True).to(x)
    level = (filters @ power).clamp(min=_FLOOR).log()
    n, k = torch.arange(count, dtype=torch.float64)[:, None], torch.arange(bands, dtype=torch.float64)
    transform = (torch.pi / bands * (k + 0.5) * n).cos() * (2 / bands) ** 0.5
    transform[0] /= 2**0.5
    lift = 1 + lifter / 2 * (torch.pi * n / lifter).sin()
    cepstra = (transform * lift).to(x) @ level
    energy = power.sum(-2, keepdim=True).clamp(min=_FLOOR).log()
    return torch.cat([energy, cepstra[..., 1:, :]], -2)
