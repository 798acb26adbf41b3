"""Arguments of augmentations out of their range are refused, in every modality, with what would be right."""

from __future__ import annotations

import pytest
import torch

from mmsync.errors import ConfigError, LayoutError
from mmsync.registry import MODELS, TRANSFORMS
from mmsync.structures import SkeletonLayout
from mmsync.views.augmentation import in_range, interval, whole

WRONG = [
    ("Shear", dict(amplitude=-0.5), "amplitude=-0.5; give a number of at least 0"),
    ("Shear", dict(amplitude="0.5"), "amplitude='0.5'; give a number"),
    ("Shear", dict(amplitude=float("nan")), "amplitude=nan"),
    ("Shear", dict(prob=1.5), r"prob=1.5; give a number in \[0, 1\]"),
    ("Rotate", dict(main_degrees=-30), "main_degrees=-30"),
    ("RandomRotation", dict(max_degrees=(0, -60, 0)), "max_degrees=-60"),
    ("RandomScale", dict(scale=(1.2, 0.8)), r"scale=\(1.2, 0.8\); give two numbers \(low, high\) above 0, low <= high"),
    ("RandomScale", dict(scale=(-1.0, 1.0)), "scale"),
    ("RandomScale", dict(scale=(0.8, 1.0, 1.2)), "scale"),
    ("GaussianNoise", dict(std=-0.1), "std=-0.1"),
    ("GaussianBlur", dict(sigma=(2.0, 0.1)), "sigma"),
    ("GaussianBlur", dict(taps=4), "taps=4; give an odd number"),
    ("TemporalCrop", dict(ratio=0), "ratio=0; give a whole number of at least 1"),
    ("TemporalCrop", dict(ratio=0.5), "ratio=0.5; give a whole number"),
    ("RandomCropResize", dict(scale=(0.5, 1.5)), "scale"),
    ("RandomCropResize", dict(size=0), "size=0"),
    ("JointMask", dict(ratio=1.0), "ratio"),
    ("JointMask", dict(ratio=-0.1), "ratio"),
    ("JointCorruption", dict(ratio=0.0), r"ratio=0.0; give a number in \(0, 1\]"),
    ("JointFreeze", dict(ratio=1.5), "ratio=1.5"),
    ("JointOffset", dict(std=-0.1), "std=-0.1"),
    ("RandomCropResize", dict(warp=-1.0), "warp=-1.0"),
    ("ViewDistance", dict(unit=0.0), "unit=0.0; give a number above 0"),
    ("AimCLRNormal", dict(shear_amplitude=-1), "amplitude=-1"),
    ("Mirror", dict(axis=-1), "axis=-1"),
    ("VideoBlur", dict(sigma=0.0), "sigma"),
    ("VideoNoise", dict(std=-1), "std=-1"),
    ("ColorJitter", dict(brightness=-0.1), "brightness"),
    ("VideoCropResize", dict(scale=(0.9, 0.5)), "scale"),
    ("RandomWindow", dict(frames=8, step=0.5), "step=0.5"),
]


@pytest.mark.parametrize(("name", "args", "text"), WRONG)
def test_a_number_out_of_range_is_refused(name, args, text):
    with pytest.raises(ConfigError, match=text):
        TRANSFORMS.build(dict(type=name, **args))


def test_the_helpers_return_what_is_right():
    assert in_range(None, "x", 0) == 0
    assert interval(None, "x", 2) == (2, 2)
    assert interval(None, "x", [0.5, 1], 0, 1, above=True) == (0.5, 1)
    assert whole(None, "x", 3) == 3


FLIP = dict(type="VideoFlip")


@pytest.mark.parametrize("wrong", [FLIP, dict(type="AugmentationSequence", transforms=[FLIP])])
def test_an_augmentation_of_another_modality_is_refused_in_a_pipeline(wrong):
    with pytest.raises(ConfigError, match=r"AugmentSkeleton: transforms.0: .* augments video data"):
        TRANSFORMS.build(dict(type="AugmentSkeleton", transforms=[wrong]))


@pytest.mark.parametrize(
    ("preprocessor", "augmentation", "text"),
    [
        ("VideoPreprocessor", "Shear", "augments skeleton data, but this is a view of video"),
        ("SequencePreprocessor", "VideoFlip", "augments video data, but this is a view of sequence"),
        ("AudioPreprocessor", "VideoFlip", "augments video data, but this is a view of audio"),
    ],
)
def test_an_augmentation_of_another_modality_is_refused_in_a_view(preprocessor, augmentation, text):
    with pytest.raises(ConfigError, match=text):
        MODELS.build(dict(type=preprocessor, views=dict(clip=[dict(type=augmentation)])))


PLAIN = dict(name="plain3", joints=["a", "b", "c"], parents=["a", "a", "b"])


@pytest.mark.parametrize("name", ["SpatialFlip", "Mirror", "AimCLRExtreme"])
def test_sides_are_exchanged_only_where_there_are_any(name):
    with pytest.raises(LayoutError, match=r"layout 'plain3' has no left and right joints to exchange; name them"):
        MODELS.build(dict(type="SkeletonPreprocessor", layout=PLAIN, views=dict(clip=[dict(type=name)])))


def test_an_axis_that_the_data_lack_is_refused():
    views = dict(clip=[dict(type="Mirror", axis=2)])
    with pytest.raises(ConfigError, match=r"Mirror: axis=2, but the data have axes 0 to 1"):
        MODELS.build(dict(type="SkeletonPreprocessor", layout="coco17", num_coords=2, views=views))


@pytest.mark.parametrize("stream", ["bone", "joint+bone", "bone_motion"])
def test_bones_of_a_layout_without_parents_are_refused(stream):
    layout = SkeletonLayout("points", ("a", "b"), (0, 1))
    with pytest.raises(LayoutError, match="layout 'points' has no bones"):
        MODELS.build(dict(type="SkeletonPreprocessor", layout=layout, stream=stream))
    x = torch.randn(2, 1, 4, 2, 3)
    view = MODELS.build(dict(type="SkeletonPreprocessor", layout=layout, stream="motion"))(dict(inputs=x))["inputs"]
    torch.testing.assert_close(view["clip"].data[:, :, :-1], x[:, :, 1:] - x[:, :, :-1])
