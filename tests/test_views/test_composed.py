"""Views of several modalities are drawn by one generator, and a new modality needs a class for each thing only."""

from __future__ import annotations

import contextlib

import pytest
import torch

from mmsync.config import check
from mmsync.errors import ConfigError, DataError
from mmsync.registry import MODELS, TRANSFORMS
from mmsync.structures import MotionSample, View
from mmsync.views import AudioPreprocessor, BatchAugmentation, ComposedPreprocessor, SequencePreprocessor
from mmsync.views.augmentation import uniform, where_applied
from mmsync.views.video import VideoSequence

N = 6


@pytest.fixture(autouse=True)
def toys():
    """Two augmentations of sound and one of sequences, written as a user would."""

    class ToyGain(BatchAugmentation):
        modality = "audio"

        def draw(self, x, generator):
            return {**self._decide(x, generator), "gain": uniform(x, 0.5, 2.0, (), generator)}

        def maps(self, x, draws):
            gain = where_applied(draws, draws["gain"], torch.ones_like(draws["gain"]))
            return [lambda view: view._replace(data=view.data * gain.view(-1, *[1] * (x.dim() - 1)))]

    class ToyTrim(BatchAugmentation):
        modality = "audio"

        def draw(self, x, generator):
            return {"start": torch.randint(0, x.shape[-1] - 7, (len(x),), generator=generator, device=x.device)}

        def maps(self, x, draws):
            rows = [slice(s, s + 8) for s in draws["start"].tolist()]
            return [lambda view: view._replace(data=torch.stack([d[..., r] for d, r in zip(view.data, rows)]))]

        def out_like(self, x):
            return x[..., :8]

    class ToyScale(ToyGain):
        modality = "sequence"

    for toy in (ToyGain, ToyTrim, ToyScale):
        TRANSFORMS.register_module(module=toy, force=True)
    yield
    for toy in (ToyGain, ToyTrim, ToyScale):
        TRANSFORMS.module_dict.pop(toy.__name__)


def batch():
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (N, 4, 12, 12, 3), dtype=torch.uint8, generator=generator)
    sound = torch.randn(N, 1, 32, generator=generator)
    samples = [MotionSample.quick(0, {"name": f"clip_{i}"}) for i in range(N)]
    return {"inputs": {"video": View(pictures), "audio": View(sound)}, "data_samples": samples}


VIDEO = dict(type="VideoPreprocessor", views=dict(video=[dict(type="VideoCropResize"), dict(type="VideoFlip")]))
AUDIO = dict(type="AudioPreprocessor", views=dict(audio=[dict(type="ToyGain"), dict(type="ToyTrim")]))


def build(**parts):
    return MODELS.build(dict(type="ComposedPreprocessor", parts=parts or dict(video=VIDEO, audio=AUDIO), seed=5))


def test_views_of_all_parts_come_together_and_a_resumed_run_repeats_them():
    data, whole = batch(), build()
    steps = [whole(data, True)["inputs"] for _ in range(3)]
    assert set(steps[0]) == {"video", "audio"}
    assert steps[0]["video"].data.shape == (N, 3, 4, 12, 12)
    assert steps[0]["audio"].data.shape == (N, 1, 8)
    assert set(whole.state_dict()) == {"seed", "step"}  # one generator, once in the checkpoint
    first = build()
    first(data, True)
    resumed = build()
    resumed.load_state_dict(first.state_dict())
    for expected in steps[1:]:
        out = resumed(data, True)["inputs"]
        for name in expected:
            assert torch.equal(out[name].data, expected[name].data)
    assert not torch.equal(steps[0]["audio"].data, steps[1]["audio"].data)


def test_one_generator_serves_the_parts_one_after_the_other():
    """The parts' draws are those of one generator that goes on, so that no two parts draw the same numbers."""
    data, pre = batch(), build()
    views = pre(data, True)["inputs"]
    generator = build().next_generator(torch.device("cpu"))
    for name, part in build().parts.items():
        view = part.prepare(data["inputs"][name], ())
        assert torch.equal(part.views[name](view, generator).data, views[name].data)


def test_evaluation_gives_each_feature_view_by_the_part_that_makes_it():
    data, pre = batch(), build()
    assert set(pre(data)["inputs"]) == {"video", "audio"}
    pre.feature_views = ("audio",)
    assert set(pre(data)["inputs"]) == {"audio"}
    torch.testing.assert_close(pre(data)["inputs"]["audio"].data, data["inputs"]["audio"].data)
    two = dict(VIDEO, views=dict(first=VIDEO["views"]["video"], second=[]))
    pre = build(video=two, audio=dict(type="AudioPreprocessor"))
    assert set(pre(data, True)["inputs"]) == {"first", "second", "audio"}  # sound without views: as in evaluation
    pre.feature_views = ("second", "audio")
    assert set(pre(data)["inputs"]) == {"second", "audio"}
    assert pre.step == 1
    pre.feature_views = ("adio",)
    with pytest.raises(ConfigError, match="'adio', which no part makes; did you mean 'audio'"):
        pre(data)


def test_the_parts_follow_the_device_of_the_whole():
    pre = build()
    pre._device = torch.device("meta")
    with contextlib.suppress(RuntimeError):  # nothing can be computed there
        pre(batch())
    assert {part.device.type for part in pre.parts.values()} == {"meta"}


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="both make view 'audio'"):
        build(video=dict(VIDEO, views=dict(audio=[])), audio=AUDIO)
    with pytest.raises(ConfigError, match=r"parts\.video: ComposedPreprocessor is not"):
        build(video=dict(type="ComposedPreprocessor", parts={}))
    with pytest.raises(DataError, match=r"no input 'audio'.*video"):
        build()({"inputs": {"video": batch()["inputs"]["video"]}}, True)
    with pytest.raises(DataError, match=r"no input 'video'.*its inputs are other"):
        build()({"inputs": {"other": batch()["inputs"]["video"]}})
    with pytest.raises(DataError, match="use ComposedPreprocessor"):
        AudioPreprocessor()(batch())
    bad = batch()
    bad["inputs"]["audio"].data[2, 0, 5] = float("nan")
    with pytest.raises(DataError, match="1 of 6 clips: clip_2"):
        build()(bad, True)


def test_in_evaluation_data_may_lack_inputs():
    """Recordings of sound alone judge a model of pictures and sound; its view is the same as with pictures."""
    both, sound = batch(), {"inputs": {"audio": batch()["inputs"]["audio"]}}
    found = build()(sound)["inputs"]
    assert set(found) == {"audio"}
    torch.testing.assert_close(found["audio"].data, build()(both)["inputs"]["audio"].data)


def test_an_augmentation_of_another_modality_is_refused_when_built_and_by_the_check():
    with pytest.raises(ConfigError, match=r"views\.audio\.1: VideoFlip augments video data.*ToyGain"):
        AudioPreprocessor(views=dict(audio=[dict(type="ToyGain"), dict(type="VideoFlip")]))
    nested = dict(type="AugmentationSequence", transforms=[dict(type="VideoFlip"), dict(type="Shear")])
    with pytest.raises(ConfigError, match="video and skeleton in one list"):
        TRANSFORMS.build(nested)
    parts = dict(
        video=dict(type="VideoPreprocessor", views=dict(video=[dict(type="GaussianNoise"), dict(type="VideoBlr")])),
        audio=dict(type="AudioPreprocessor", views=dict(video=dict(crop=1))),
        more=dict(type="VideoPreprocessor", views=dict(more=dict(crop=0.5, flip=0.5))),
    )
    model = dict(type="SimCLR", data_preprocessor=dict(type="ComposedPreprocessor", parts=parts))
    with pytest.raises(ConfigError) as error:
        check(dict(model=model))
    path = "model.data_preprocessor.parts"
    wrong = [problem for problem in error.value.problems if "does not use this view" not in problem]
    found = {problem.split(": ", 1)[0]: problem for problem in wrong}
    assert "GaussianNoise augments skeleton data" in found[f"{path}.video.views.video.0"]
    assert "did you mean 'VideoBlur'" in found[f"{path}.video.views.video.1.type"]
    assert "give a list" in found[f"{path}.audio.views.video"]
    assert "give a list" in found[f"{path}.more.views.more"]
    assert "makes the view 'video' too" in found[f"{path}.audio"]


def test_sequences_keep_their_padding_which_becomes_zero():
    x, valid = torch.randn(N, 9, 5, 3), torch.ones(N, 9, dtype=torch.bool)
    valid[2, 4:] = False
    pre = SequencePreprocessor(views=dict(first=[dict(type="ToyScale")], second=[]), seed=0)
    out = pre(dict(inputs=dict(sequence=View(x, valid=valid))), True)["inputs"]
    flat = x.flatten(2) * valid[..., None]
    assert torch.equal(out["second"].data, flat)
    gain = out["first"].data[:, :1, :1] / flat[:, :1, :1]
    torch.testing.assert_close(out["first"].data, flat * gain)
    assert len(gain.unique()) == N
    assert torch.equal(out["first"].valid, valid)
    assert out["first"].index[0].tolist() == list(range(9))
    with pytest.raises(DataError, match=r"valid is \(6, 8\)"):
        pre(dict(inputs=View(x, valid=valid[:, :8])))
    with pytest.raises(DataError, match="float tensor"):
        pre(dict(inputs=x.long()))


def test_sound_of_16_bits_becomes_floats_and_other_shapes_are_refused():
    pre = AudioPreprocessor()
    codes = torch.tensor([[[-(2**15), 0, 2**14]]], dtype=torch.int16)
    assert pre(dict(inputs=codes))["inputs"]["clip"].data.tolist() == [[[-1.0, 0.0, 0.5]]]
    spectrogram = torch.randn(N, 1, 8, 5)
    assert pre(dict(inputs=dict(audio=spectrogram)))["inputs"]["clip"].data is spectrogram
    for wrong in (torch.randn(N, 5), torch.zeros(N, 1, 4, dtype=torch.int32), torch.zeros(N, 1, 4, 4, 4)):
        with pytest.raises(DataError, match="waveforms"):
            pre(dict(inputs=wrong))


def test_a_recorded_draw_of_any_modality_replays():
    sound = batch()["inputs"]["audio"]
    sequence = AudioPreprocessor(views=dict(a=AUDIO["views"]["audio"])).views["a"]
    draws = sequence.draw(sound.data, torch.Generator().manual_seed(1))
    out = sequence(sound, torch.Generator().manual_seed(1)).data
    assert torch.equal(sequence.apply(sound, draws).data, out)
    for i in range(N):
        start = int(draws["1.start"][i])
        torch.testing.assert_close(out[i], sound.data[i, :, start : start + 8] * draws["0.gain"][i])
    assert isinstance(build().parts["video"].views["video"], VideoSequence)
    assert isinstance(build(), ComposedPreprocessor)
