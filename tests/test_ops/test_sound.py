"""Front ends of sound against numbers of librosa and python_speech_features, and against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsync.ops import sound as S

RATE = 16000


def chirp() -> torch.Tensor:
    t = torch.arange(RATE, dtype=torch.float64) / RATE
    return 0.3 * torch.sin(2 * torch.pi * (200 + 900 * t) * t)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # librosa.filters.mel(sr=16000, n_fft=1024, n_mels=40): sum, largest, and place of the largest of band 7
        (dict(n_fft=1024, bands=40), (2.559697, 0.01347534, 38, [0.06375469, 0.06375469, 0.06399006])),
        (
            dict(n_fft=512, bands=40, low=55, high=7600, scale="htk", norm="none"),
            (233.177032, 0.99905896, 16, [1.50823438, 2.2525146, 14.65795898]),
        ),
    ],
)
def test_mel_filters_are_librosas(options, expected):
    filters = S.mel_filters(RATE, **options)
    assert filters.sum().item() == pytest.approx(expected[0], rel=1e-5)
    assert filters.max().item() == pytest.approx(expected[1], rel=1e-5)
    assert filters[7].argmax().item() == expected[2]
    assert filters[[0, 7, 39]].sum(1).tolist() == pytest.approx(expected[3], rel=1e-5)


def test_a_mel_spectrogram_is_librosas():
    """librosa.feature.melspectrogram(y=chirp, sr=16000, n_fft=1024, hop_length=160, n_mels=40, pad_mode='constant')."""
    mel = S.mel_filters(RATE, 1024, 40).double() @ S.spectrum(chirp(), 1024, 1024, 160)
    assert mel.shape == (40, 101)
    assert mel[[5, 12, 20], [30, 60, 95]].tolist() == pytest.approx([1.4143433e-06, 2.866664e-07, 0.79813919], rel=1e-4)
    assert mel.sum().item() == pytest.approx(9797.94514, rel=1e-5)


def test_cepstra_and_filterbanks_are_those_of_python_speech_features():
    """python_speech_features.mfcc(32768 * chirp, 16000) and logfbank(..., winlen=.02, nfilt=40, nfft=1024)."""
    found = S.mfcc(chirp())
    assert found.shape == (13, 99)
    assert found[[0, 1, 5, 12], [0, 50, 70, 98]].tolist() == pytest.approx(
        [18.2090041, 3.28154962, 21.6677607, 2.5527327], rel=1e-5
    )
    bank = S.log_filterbank(chirp(), RATE, 1024, 320, 160, 40)
    assert bank.shape == (40, 99)
    assert bank[[0, 10, 39], [0, 50, 98]].tolist() == pytest.approx([12.548143, 14.2834131, 12.4095334], rel=1e-5)


def test_a_tone_is_in_its_bin_with_its_energy():
    """A sine of a whole number of cycles: amplitude times half the sum of the window, squared."""
    x = torch.sin(2 * torch.pi * 20 * torch.arange(512, dtype=torch.float64) / 512)
    power = S.spectrum(x, 512, 512, 512, hann=False, center=False)
    assert power.shape == (257, 1)
    assert power.argmax().item() == 20
    assert power[20, 0].item() == pytest.approx(256**2)
    assert S.spectrum(x, 512, 512, 512, hann=False, center=False, power=1)[20, 0].item() == pytest.approx(256)


def test_number_of_frames_of_the_published_front_ends():
    second = torch.zeros(48000)
    assert S.spectrum(second, 512, 480, 240, center=False).shape == (257, 199)  # L3-Net
    assert S.spectrum(second, 512, 512, 242, center=False).shape == (257, 197)  # l3embedding
    assert S.log_filterbank(second, 48000, 1024, 960, 480, 40).shape == (40, 99)  # SeLaVi
    assert S.spectrum(torch.zeros(2 * 24000), 1024, 1024, 240).shape == (513, 201)  # AVID, the last one cut


def test_companding_and_its_closed_form():
    x = torch.linspace(-1, 1, 101, dtype=torch.float64)
    expected = np.sign(x.numpy()) * np.log(1 + 255 * np.abs(x.numpy())) / np.log(256)
    assert torch.allclose(S.mu_law(x), torch.from_numpy(expected))
    assert S.mu_law(torch.tensor([-1.0, 0.0, 1.0])).tolist() == pytest.approx([-1, 0, 1])


def test_log_linear_is_continuous_and_decibels_are_limited():
    x = torch.tensor([0.0, 1.0, torch.e - 1e-9, torch.e, 10.0], dtype=torch.float64)
    assert S.log_linear(x).tolist() == pytest.approx([0, 1 / np.e, 1, 1, np.log(10)], abs=1e-8)
    level = S.decibels(torch.tensor([[[1.0, 1e-9]], [[100.0, 1.0]]]), top=30)
    assert level.flatten().tolist() == pytest.approx([0, -30, 20, 0])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: S.spectrum(torch.zeros(99), 64, 128, 16), "window <= n_fft"),
        (lambda: S.spectrum(torch.zeros(99), 128, 128, 16, center=False), "shorter than one window"),
        (lambda: S.mel_filters(RATE, 512, 40, high=9000.0), "half the rate"),
        (lambda: S.mel_filters(RATE, 64, 80), "has no bin; use fewer bands"),
    ],
)
def test_numbers_that_cannot_be_are_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


@pytest.mark.parametrize(("n_fft", "window", "hop"), [(512, 512, 128), (512, 400, 100), (2048, 1344, 336)])
def test_polar_spectra_are_scipys_and_lead_back(n_fft, window, hop):
    """Levels in dB and phases against scipy.signal.stft; the highest bin, which is left out, holds next to nothing."""
    from scipy.signal import get_window, stft

    x = torch.stack([chirp()[:9001], 0.1 * torch.randn(9001, dtype=torch.float64, generator=torch.manual_seed(0))])
    found = S.polar_spectrum(x[:, None], n_fft, window, hop)
    assert found.shape == (2, 1, 2, n_fft // 2, 1 + 9001 // hop)
    assert found.abs().max() <= 1
    taper = np.pad(get_window("hann", window), (n_fft - window) // 2)
    padded = np.pad(x.numpy(), [(0, 0), (n_fft // 2, n_fft // 2)])
    _, _, z = stft(padded, window=taper, nperseg=n_fft, noverlap=n_fft - hop, boundary=None, padded=False)
    z = z[:, :-1] * taper.sum()
    level = 20 * np.log10(np.maximum(np.abs(z), 1e-5))
    np.testing.assert_allclose(found[:, 0, 0].numpy() * 90 - 10, level, atol=1e-6)
    clear = level > -40
    np.testing.assert_allclose(np.cos(found[:, 0, 1].numpy() * np.pi)[clear], np.cos(np.angle(z))[clear], atol=1e-6)
    back = S.polar_waveform(found, 9001, n_fft, window, hop)
    assert back.shape == (2, 1, 9001)
    torch.testing.assert_close(back[0, 0], x[0], atol=1e-3, rtol=0)
    torch.testing.assert_close(S.polar_waveform(found[0, 0], 9001, n_fft, window, hop), back[0, 0])


def test_levels_are_clipped_and_silence_comes_back():
    x = torch.stack([torch.zeros(2048), torch.full((2048,), 1e4)])
    found = S.polar_spectrum(x, 256, 256, 64)
    assert (found[0, 0] == -1).all()
    assert found[1, 0].max() == 1
    assert S.polar_waveform(found, 2048, 256, 256, 64)[0].abs().max() < 1e-4


def test_si_sdr_by_its_definition():
    rng = np.random.default_rng(0)
    s, e = rng.normal(size=(3, 500)), rng.normal(size=(3, 500))
    for target, estimate in zip(s, s + 0.3 * e):
        part = (estimate @ target) / (target @ target) * target
        naive = 10 * np.log10((part @ part) / ((part - estimate) @ (part - estimate)))
        for scale in (1.0, 7.0):
            found = S.si_sdr(torch.from_numpy(scale * estimate), torch.from_numpy(target))
            assert found.item() == pytest.approx(naive, abs=1e-4)
    assert S.si_sdr(torch.from_numpy(s), torch.from_numpy(s)).min() > 80
