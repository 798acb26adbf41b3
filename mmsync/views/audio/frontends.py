"""Front ends of sound on batches: waveforms ``(..., C, S)`` in [-1, 1] to what an audio backbone takes.

=======================  =====================================================================================
as in                    config
=======================  =====================================================================================
AVTS (VMZ's reader)      ``dict(type="LogMel", rate=16000, n_fft=256, hop=160, bands=40, scale="htk",
                         norm="sum", center=False, frames=100, compression="log_linear", gain=32768)``
AVTS (the paper)         ``dict(type="LogMel", rate=16000, n_fft=1024, hop=160, bands=40, frames=100)``
SeLaVi, GDT              ``dict(type="LogFilterbank", rate=48000, n_fft=1024, window=960, hop=480, bands=40)``;
                         optionally ``mean=1.93, std=17.89``
AVID                     ``dict(type="LogSpectrogram", n_fft=1024, hop=240, pairs=True, compression="db",
                         top=100, frames=200)`` at 24 kHz
L3-Net                   ``dict(type="LogSpectrogram", n_fft=512, window=480, hop=240, center=False, power=1)``
                         at 48 kHz: 257 x 199
L3-Net (l3embedding)     the same with ``window=512, hop=242, floor=1e-12, std=5``: 257 x 197
OpenL3                   ``dict(type="LogMel", rate=48000, n_fft=2048, hop=242, bands=128, power=1,
                         compression="db", top=80)``
SyncNet                  ``dict(type="MFCC")`` at 16 kHz
Multisensory             ``dict(type="MuLaw")`` at 21 kHz
=======================  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Optional, Union

import torch
from torch import Tensor

from mmsync.errors import ConfigError, DataError
from mmsync.ops import sound
from mmsync.registry import TRANSFORMS

Compression = Literal["log", "log_linear", "db"]
Level = Union[float, Sequence[float]]


class FrontEnd:
    """Base of the front ends of sound: a subclass writes :meth:`transform`.

    Args:
        frames: Number of frames T: longer ones are cut at the end, shorter ones padded with the last frame; ``None``:
            as many as there are.
        mean: Subtracted from the result, a number or one for each band.
        std: The result is divided by it, a number or one for each band.
    """

    def __init__(self, frames: Optional[int] = None, mean: Level = 0.0, std: Level = 1.0) -> None:
        if (frames is not None and frames < 1) or not torch.as_tensor(std).gt(0).all():
            raise ConfigError(f"{type(self).__name__}: {frames=}, {std=}: both must be positive")
        self.frames, self.mean, self.std = frames, mean, std

    def transform(self, x: Tensor) -> Tensor:
        """Features ``(..., F, T)`` of waveforms ``(..., S)``."""
        raise NotImplementedError

    def __call__(self, x: Tensor) -> Tensor:
        """Features ``(..., C, F, T)`` of waveforms ``(..., C, S)``."""
        found = self.transform(x)
        if self.frames is not None:
            missing = self.frames - found.shape[-1]
            found = found[..., : self.frames]
            if missing > 0:
                found = torch.cat([found, found[..., -1:].expand(*found.shape[:-1], missing)], -1)
        return (found - self._level(self.mean, found)) / self._level(self.std, found)

    def _level(self, value: Level, like: Tensor) -> Union[float, Tensor]:
        if isinstance(value, (int, float)):
            return float(value)
        if len(value) != like.shape[-2]:
            raise ConfigError(f"{type(self).__name__}: {len(value)} values of mean or std for {like.shape[-2]} bands")
        return like.new_tensor(value)[:, None]


def _check_lengths(front_end: FrontEnd, n_fft: int, window: int, hop: int) -> None:
    if min(n_fft, window, hop) < 1 or window > n_fft:
        given = f"{n_fft=}, {window=}, {hop=}"
        raise ConfigError(f"{type(front_end).__name__}: {given}: give positive numbers, window <= n_fft")


class _Spectral(FrontEnd):
    def __init__(
        self, n_fft: int, window: Optional[int], hop: int, center: bool, power: float, compression: Compression,
        top: Optional[float], floor: float, gain: float, frames: Optional[int], mean: Level, std: Level,
    ) -> None:  # fmt: skip
        super().__init__(frames, mean, std)
        if compression not in ("log", "log_linear", "db"):
            raise ConfigError(f"{type(self).__name__}: {compression=}; use 'log', 'log_linear' or 'db'")
        self.n_fft, self.window, self.hop, self.center, self.power = n_fft, window or n_fft, hop, center, power
        self.compression, self.top, self.floor, self.gain = compression, top, floor, gain
        _check_lengths(self, n_fft, self.window, hop)

    def energies(self, x: Tensor) -> Tensor:
        if not self.center and x.shape[-1] < self.window:
            raise DataError(f"{type(self).__name__}: sound of {x.shape[-1]} samples, the window has {self.window}")
        return sound.spectrum(x * self.gain, self.n_fft, self.window, self.hop, True, self.center, self.power)

    def compress(self, x: Tensor) -> Tensor:
        if self.compression == "log_linear":
            return sound.log_linear(x)
        if self.compression == "log":
            return x.clamp(min=self.floor).log()
        return sound.decibels(x if self.power == 2 else x.square(), self.top, self.floor)


@TRANSFORMS.register_module()
class LogMel(_Spectral):
    """Log-mel spectrograms ``(..., C, F, T)`` of waveforms ``(..., C, S)``.

    Args:
        rate: Samples a second.
        n_fft: Length of the Fourier transform.
        hop: Samples between frames.
        bands: Number of bands F.
        window: Samples of a frame, Hann; ``None``: ``n_fft``.
        low: Lowest frequency, Hz.
        high: Highest frequency, Hz; ``None``: half the rate.
        scale: ``'slaney'`` or ``'htk'``, see :func:`mmsync.ops.sound.hz_to_mel`.
        norm: Of the filters: ``'slaney'``, ``'sum'`` or ``'none'``.
        center: Whether frames are centered on multiples of ``hop``; else they begin there.
        power: 2 for energies, 1 for magnitudes.
        compression: ``'log'``; ``'log_linear'``, linear below e; or ``'db'``.
        top: Range below the loudest value of a sample, dB.
        floor: Smallest energy whose logarithm is taken.
        gain: Factor of the waveform; 32768 for the scale of 16 bits.
        frames: See :class:`FrontEnd`, as are the next two.
        mean: Subtracted from the result.
        std: The result is divided by it.

    Raises:
        ConfigError: Numbers out of their ranges.
    """

    def __init__(
        self, rate: int = 16000, n_fft: int = 1024, hop: int = 160, bands: int = 40, window: Optional[int] = None,
        low: float = 0.0, high: Optional[float] = None, scale: sound.MelScale = "slaney",
        norm: sound.MelNorm = "slaney", center: bool = True, power: float = 2.0, compression: Compression = "log",
        top: Optional[float] = None, floor: float = 1e-10, gain: float = 1.0, frames: Optional[int] = None,
        mean: Level = 0.0, std: Level = 1.0,
    ) -> None:  # fmt: skip
        super().__init__(n_fft, window, hop, center, power, compression, top, floor, gain, frames, mean, std)
        try:
            self.filters = sound.mel_filters(rate, n_fft, bands, low, high, scale, norm)
        except ValueError as error:
            raise ConfigError(f"LogMel: {error}") from error

    def transform(self, x: Tensor) -> Tensor:
        return self.compress(self.filters.to(x) @ self.energies(x))


@TRANSFORMS.register_module()
class LogSpectrogram(_Spectral):
    """Logarithms of short-time spectra, ``(..., C, F, T)`` with F = n_fft // 2 + 1, of waveforms ``(..., C, S)``.

    Args:
        n_fft: Length of the Fourier transform.
        hop: Samples between frames.
        window: Samples of a frame, Hann; ``None``: ``n_fft``.
        pairs: Average neighboring bins, all but the first: F = n_fft // 4 + 1.
        center: See :class:`LogMel`, as are all others.
        power: 2 for energies, 1 for magnitudes.
        compression: ``'log'``, ``'log_linear'`` or ``'db'``.
        top: Range below the loudest value of a sample, dB.
        floor: Smallest value whose logarithm is taken.
        gain: Factor of the waveform.
        frames: Number of frames T.
        mean: Subtracted from the result.
        std: The result is divided by it.

    Raises:
        ConfigError: Numbers out of their ranges.
    """

    def __init__(
        self, n_fft: int = 512, hop: int = 240, window: Optional[int] = None, pairs: bool = False, center: bool = True,
        power: float = 2.0, compression: Compression = "log", top: Optional[float] = None, floor: float = 1e-10,
        gain: float = 1.0, frames: Optional[int] = None, mean: Level = 0.0, std: Level = 1.0,
    ) -> None:  # fmt: skip
        super().__init__(n_fft, window, hop, center, power, compression, top, floor, gain, frames, mean, std)
        self.pairs = pairs

    def transform(self, x: Tensor) -> Tensor:
        found = self.energies(x)
        if self.pairs:
            found = torch.cat([found[..., :1, :], found[..., 1:, :].unflatten(-2, (-1, 2)).mean(-2)], -2)
        return self.compress(found)


@TRANSFORMS.register_module()
class LogFilterbank(FrontEnd):
    """Log mel energies ``(..., C, F, T)`` as python_speech_features takes them, see :func:`mmsync.ops.sound.mfcc`.

    Args:
        rate: Samples a second.
        n_fft: Length of the Fourier transform.
        window: Samples of a frame, rectangular.
        hop: Samples between frames.
        bands: Number of bands F.
        frames: See :class:`FrontEnd`, as are the next two.
        mean: Subtracted from the result.
        std: The result is divided by it.
    """

    def __init__(
        self, rate: int = 48000, n_fft: int = 1024, window: int = 960, hop: int = 480, bands: int = 40,
        frames: Optional[int] = None, mean: Level = 0.0, std: Level = 1.0,
    ) -> None:  # fmt: skip
        super().__init__(frames, mean, std)
        _check_lengths(self, n_fft, window, hop)
        self.options = (rate, n_fft, window, hop, bands)

    def transform(self, x: Tensor) -> Tensor:
        return sound.log_filterbank(x, *self.options)


@TRANSFORMS.register_module()
class MFCC(FrontEnd):
    """Mel-frequency cepstral coefficients ``(..., C, 13, T)``, 100 frames a second, of waveforms at 16 kHz.

    Args:
        frames: See :class:`FrontEnd`, as are the next two.
        mean: Subtracted from the result.
        std: The result is divided by it.
    """

    def __init__(self, frames: Optional[int] = None, mean: Level = 0.0, std: Level = 1.0) -> None:
        super().__init__(frames, mean, std)

    def transform(self, x: Tensor) -> Tensor:
        return sound.mfcc(x)


@TRANSFORMS.register_module()
class MuLaw(FrontEnd):
    """Companded waveforms ``(..., C, S)``: ``sign(x) log(1 + mu |x|) / log(1 + mu)`` (Owens and Efros, 2018).

    Args:
        mu: Strength of the companding.
    """

    def __init__(self, mu: float = 255.0) -> None:
        super().__init__()
        if not mu > 0:
            raise ConfigError(f"MuLaw: {mu=} must be positive")
        self.mu = mu

    def __call__(self, x: Tensor) -> Tensor:
        return sound.mu_law(x, self.mu)
