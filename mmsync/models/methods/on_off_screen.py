"""Sound on and off screen (Owens and Efros, 2018, Audio-Visual Scene Analysis with Self-Supervised Multisensory
Features)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Optional

import torch
from torch import Tensor

from mmsync.errors import ConfigError, DataError, did_you_mean, nearest
from mmsync.models.methods.base import Columns, Samples, SelfSupervisedModel, Views
from mmsync.models.modules.multisensory import EarlyFusion
from mmsync.models.modules.unet import SoundUNet
from mmsync.ops.sound import LEVELS, mu_law, polar_spectrum, polar_waveform, si_sdr
from mmsync.registry import MODELS, OptConfig
from mmsync.structures import View

_RMS, _QUIET = 0.1, 1e-4  # of a normalized waveform; the least that counts as sound
_WEIGHTS = (1.0, 0.01)  # of levels and of phases in the loss


@MODELS.register_module()
class OnOffScreen(SelfSupervisedModel):
    """Tell the sound of what is seen from sound that comes from elsewhere, by a u-net on their mixture.

    The sum of the sound of a video, ``audio``, and of another one, ``contrast``, both of the same root mean square, is
    separated into both by a u-net on its spectrogram, which features of the pictures join (:class:`SoundUNet`). The
    loss is the mean distance of levels plus 0.01 times that of phases, of both sounds; or, permutation-invariant, the
    smaller one of both orders of the two sounds, when it need not say which is which.

    Args:
        video: Config of an encoder of pictures.
        audio: Config of an audio encoder of maps ``(P, A, S')`` of companded waveforms, such as ``WaveformNet``.
            Pictures and mixture are then fused as in :class:`Multisensory`, whose weights fit. ``None``: pictures
            alone.
        scales: Names of the modules of this model whose maps ``(N, D, T', ...)`` join the u-net, for instance
            ``["video.backbone.layer2", "video.backbone.layer4"]``. ``None``: with ``audio``, the three pairs of blocks
            of the fusion, as published; else the last map, thrice. Empty: separate by sound alone.
        fusion_widths: ``widths`` of :class:`EarlyFusion`.
        strides: Of :class:`EarlyFusion`.
        widths: Channels of the u-net on its way down.
        n_fft: Length of the Fourier transform, see :func:`mmsync.ops.sound.polar_spectrum`, as are the next two; as
            published, for sound at 21 kHz.
        window: Samples of a frame.
        hop: Samples between frames.
        levels: Least and largest level of the spectrograms, dB.
        permutation_invariant: Take the loss of the better one of both orders.
        phase: Phases of the sound that :meth:`separate` gives: the u-net's, or those of the mixture.
        data_preprocessor: Config of the preprocessor that makes the views ``video``, ``audio`` and ``contrast``, the
            last two being waveforms ``(N, C, S)``.
        init_cfg: MMEngine's initialization config.
    """

    encoders = ("video", "audio")
    views_needed = views_for_features = ("video", "audio", "contrast")
    predicts_with = ("unet.",)

    def __init__(
        self, video: dict, audio: Optional[dict] = None, scales: Optional[Sequence[str]] = None,
        fusion_widths: Sequence[int] = (128, 512, 128, 128, 256, 512), strides: Sequence[int] = (1, 2, 2),
        widths: Sequence[int] = (64, 128, 256, 512, 512, 512, 512, 512, 512), n_fft: int = 2048, window: int = 1344,
        hop: int = 336, levels: tuple[float, float] = LEVELS, permutation_invariant: bool = False,
        phase: Literal["predicted", "mixture"] = "predicted", data_preprocessor: OptConfig = None,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(data_preprocessor, init_cfg)
        if not 1 <= hop <= window <= n_fft or levels[0] >= levels[1] or phase not in ("predicted", "mixture"):
            given = f"{n_fft=}, {window=}, {hop=}, {levels=}, {phase=}"
            wanted = "1 <= hop <= window <= n_fft, levels least < largest, and phase 'predicted' or 'mixture'"
            raise ConfigError(f"OnOffScreen: {given}: give {wanted}")
        self.video = MODELS.build(video)
        self.fusion = None
        if audio is None:
            self.encoders = ("video",)  # type: ignore[assignment,misc]
        else:
            self.audio = MODELS.build(audio)
            channels = [encoder.backbone.out_channels for encoder in (self.video, self.audio)]
            self.fusion = EarlyFusion(channels[0], channels[1], fusion_widths, strides)
        if scales is None and audio is not None:
            scales = [f"fusion.trunk.{2 * k + 1}" for k in range(3)]
        self.scales = scales
        self.stft: dict[str, Any] = dict(n_fft=n_fft, window=window, hop=hop, levels=levels)
        self.permutation_invariant, self.phase = permutation_invariant, phase
        try:
            self.unet = SoundUNet(self._widths(), widths)
        except ValueError as error:
            raise ConfigError(f"OnOffScreen: {error}") from error

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_separation``; for the log, ``crossed``, the share of samples nearer in the other order."""
        sounds = self._sounds(views)
        found, _ = self._spectra(views["video"], sounds.sum(1))
        gap = (found[:, :, None] - self._polar(sounds)[:, None]).abs().float().mean((-2, -1))
        cost = gap @ gap.new_tensor(_WEIGHTS)  # (N, 2, 2), of found and true sounds
        both = torch.stack([cost[:, 0, 0] + cost[:, 1, 1], cost[:, 0, 1] + cost[:, 1, 0]], 1)
        loss = both.amin(1) if self.permutation_invariant else both[:, 0]
        return {"loss_separation": loss.mean(), "crossed": (both[:, 1] < both[:, 0]).float().mean()}

    def predictions(self, views: Views, data_samples: Samples = None) -> Columns:
        """``feature`` of the pictures and, with an audio encoder, ``feature_audio`` of the mixture.

        ``separation (N, 2, 2)``, by how many dB the i-th of the separated sounds, on screen and off, is better than
        the mixture as an estimate of the j-th true one (scale-invariant signal-to-distortion ratio).
        """
        sounds = self._sounds(views)
        mixture = sounds.sum(1)
        found = {"feature": self.video.extract(views["video"])}
        if self.fusion is not None:
            found["feature_audio"] = self.audio.extract(View(mu_law(mixture)))
        true = sounds.mean(2)[:, None]  # (N, 1, 2, S)
        better = si_sdr(self.separate(views["video"], mixture)[:, :, None], true)
        return {**found, "separation": better - si_sdr(mixture.mean(1)[:, None, None], true)}

    def columns_of(self, views: Views, data_samples: Samples = None) -> Columns:
        """:meth:`predictions`; of data that lack a view, ``feature`` alone."""
        if all(name in views for name in self.views_for_features):
            return self.predictions(views, data_samples)
        return {"feature": self.video.extract(views["video"])} if "video" in views else {}

    def separate(self, video: View, mixture: Tensor) -> Tensor:
        """Sound on and off screen, ``(N, 2, S)``, of a mixture ``(N, C, S)`` with pictures of the same time."""
        scale = _rms(mixture) / (2**0.5 * _RMS)  # that of two normalized sounds
        mixture = mixture / scale
        found, heard = self._spectra(video, mixture)
        if self.phase == "mixture":
            found = torch.stack([found[:, :, 0], heard[:, None, 1].expand_as(found[:, :, 1])], 2)
        return polar_waveform(found.float(), mixture.shape[-1], **self.stft) * scale

    def _sounds(self, views: Views) -> Tensor:
        """Both waveforms ``(N, 2, C, S)``, of the same root mean square."""
        sounds = torch.stack([views[name].data for name in ("audio", "contrast")], 1)
        if sounds.dim() != 4:
            raise DataError(f"OnOffScreen: sound is {tuple(views['audio'].data.shape)}; give waveforms (N, C, S)")
        return _RMS * sounds / _rms(sounds)

    def _polar(self, sounds: Tensor) -> Tensor:
        return polar_spectrum(sounds.mean(-2).float(), **self.stft)

    def _spectra(self, video: View, mixture: Tensor) -> tuple[Tensor, Tensor]:
        """Spectrograms ``(N, 2, 2, F, T)`` of both sounds, and ``(N, 2, F, T)`` of a mixture ``(N, C, S)``."""
        heard = self._polar(mixture).to(mixture)
        return self.unet(heard, self._features(video, mixture)), heard

    def _features(self, video: View, mixture: Tensor) -> list[Tensor]:
        """Features ``(N, D, T')`` that join the u-net: means over space of maps of several scales."""
        maps: dict[str, Tensor] = {}

        def note(name: str) -> Any:
            return lambda module, inputs, output: maps.update({name: output})

        if self.scales is not None and not self.scales:
            return []
        hooks = [self.get_submodule(name).register_forward_hook(note(name)) for name in self.scales or ()]
        try:
            found = self.video.forward_map(video)
            if self.fusion is not None:
                self.fusion(found.data, self.audio.forward_map(View(mu_law(mixture))).data)
        finally:
            for hook in hooks:
                hook.remove()
        if self.scales is None:
            return 3 * [found.frames().transpose(1, 2)]
        return [maps[name].flatten(3).mean(3) if maps[name].dim() > 3 else maps[name] for name in self.scales]

    @torch.no_grad()
    def _widths(self) -> list[int]:
        """D of the features that join the u-net."""
        if self.scales is None:
            return [self.video.backbone.out_channels] * 3
        names = [name for name, _ in self.named_modules()]
        missing = [name for name in self.scales if name not in names]
        if missing:
            raise ConfigError(
                f"OnOffScreen: scales: there is no module {missing[0]!r}{did_you_mean(nearest(missing[0], names))}"
            )
        net = self.video.backbone
        pictures = torch.zeros(1, net.in_channels, net.min_frames, net.min_size, net.min_size)
        sound = torch.zeros(1)
        if self.fusion is not None:
            sound = torch.zeros(1, self.audio.backbone.in_channels, self.audio.backbone.min_frames)
        self.eval()
        found = self._features(View(pictures), sound)
        self.train()
        return [one.shape[1] for one in found]


def _rms(x: Tensor) -> Tensor:
    """Root mean square ``(..., 1, 1)`` of waveforms ``(..., C, S)``, of quiet ones that of quiet sound."""
    return x.square().mean((-2, -1), keepdim=True).sqrt().clamp(min=_QUIET)
