"""Augmentations of a third party, by the contract of `draw` and `apply` alone, in lists of views of every modality."""

from __future__ import annotations

import pytest
import torch

from mmsync.errors import ContractError
from mmsync.ops import skeleton_augment as ops
from mmsync.ops.video_augment import Crop
from mmsync.registry import MODELS
from mmsync.structures import View
from mmsync.views.augmentation import AugmentationSequence, BatchAugmentation
from mmsync.views.skeleton import AimCLRExtreme, RandomCropResize, Shear, SkeletonAugmentation, TemporalFlip
from mmsync.views.video import ColorJitter, RandomWindow, VideoAugmentation, VideoCropResize, VideoFlip

N = 3
SHAPES = {"skeleton": (N, 2, 12, 25, 3), "video": (N, 2, 3, 12, 8, 8), "audio": (N, 1, 6, 12), "sequence": (N, 12, 5)}
PREPROCESSORS = {
    "skeleton": dict(type="SkeletonPreprocessor", layout="ntu25"),
    "video": dict(type="VideoPreprocessor"),
    "audio": dict(type="AudioPreprocessor"),
    "sequence": dict(type="SequencePreprocessor"),
}


class Gain(BatchAugmentation):
    """Multiplies each sample by a number: `draw` and `apply`, nothing else."""

    def draw(self, x, generator):
        return {"gain": torch.rand(len(x), generator=generator, device=x.device) + 0.5}

    def apply(self, view, draws):
        return view._replace(data=view.data * draws["gain"].view(-1, *[1] * (view.data.dim() - 1)))


class EveryOther(SkeletonAugmentation):
    """Halves the frames and says so."""

    def apply(self, view, draws):
        part = {name: getattr(view, name) for name in ("valid", "index")}
        part = {name: None if x is None else x[:, ::2] for name, x in part.items()}
        return view._replace(data=view.data[:, :, ::2], **part)

    def frames_out(self, frames):
        return (frames + 1) // 2


def batch(modality: str) -> torch.Tensor:
    x = torch.rand(SHAPES[modality], generator=torch.Generator().manual_seed(0))
    return (x * 255).to(torch.uint8).movedim(2, -1) if modality == "video" else x


@pytest.mark.parametrize("modality", SHAPES)
def test_draw_and_apply_are_enough_for_a_view(modality):
    """The training view is the prepared batch times the drawn numbers, with index and present as they were."""
    config = dict(PREPROCESSORS[modality], seed=7)
    own, plain = (MODELS.build(dict(config, views=dict(a=parts))) for parts in ([Gain()], []))
    generator = own.next_generator(torch.device("cpu"))
    own.step.zero_()
    got, before = (p({"inputs": batch(modality)}, training=True)["inputs"]["a"] for p in (own, plain))
    if modality == "video":  # a list of video draws its block of shared numbers first
        torch.rand((N, 1, 6), generator=generator)
    gain = torch.rand(N, generator=generator) + 0.5
    torch.testing.assert_close(got.data, before.data * gain.view(-1, *[1] * (before.data.dim() - 1)))
    for one, other in ((got.present, before.present), (got.index, before.index)):
        assert (one is None and other is None) or torch.equal(one, other)


def sequence_by_hand(parts, view, generator):
    """Draw everything, then apply one by one."""
    drawn, x = [], view.data
    for part in parts:
        drawn.append(part.draw(x, generator))
        x = part.out_like(x)
    for part, draws in zip(parts, drawn):
        view = part.apply(view, draws)
    return view


def test_own_and_fused_maps_of_skeletons_run_in_order_under_one_generator():
    parts = [Shear(), EveryOther(), RandomCropResize(size=8), Gain(), TemporalFlip(prob=0.5), Shear()]
    present = torch.tensor([[True, True], [True, False], [True, False]])
    data = batch("skeleton") * present[..., None, None, None]
    index = 3.0 * torch.arange(12).expand(N, -1)
    view = View(data, present, torch.arange(12).expand(N, -1) < 10, index)
    got = AugmentationSequence(parts)(view, torch.Generator().manual_seed(1))
    expected = sequence_by_hand(parts, view, torch.Generator().manual_seed(1))
    assert got.data.shape == (N, 2, 8, 25, 3)
    torch.testing.assert_close(got.data, expected.data)
    for name in ("present", "valid", "index"):
        torch.testing.assert_close(getattr(got, name).float(), getattr(expected, name).float())
    assert got.index.max() <= 30  # every other frame of 12, of a source three times as fast
    assert torch.equal(view.data, data)


class OwnVideo(VideoAugmentation):
    """Overrides `draw` with its two arguments, and `apply`."""

    draw, apply = Gain.draw, Gain.apply


def test_own_and_fused_maps_of_video_run_in_order_under_one_generator():
    generator = torch.Generator().manual_seed(1)
    view = View(torch.rand(SHAPES["video"]) * 0.5)
    parts = [RandomWindow(6), OwnVideo(), VideoCropResize(size=6), VideoFlip(), ColorJitter(0.1, 0.1)]
    sequence = MODELS.build(dict(type="VideoPreprocessor", views=dict(a=parts))).views["a"]
    draws = sequence.draw(view.data, generator)
    expected = view
    for i, part in enumerate(parts):
        own = {key.split(".", 1)[1]: value for key, value in draws.items() if key.startswith(f"{i}.")}
        expected = part.apply(expected, own)
    got = sequence.apply(view, draws)
    assert got.data.shape == (N, 2, 3, 6, 6, 6)
    torch.testing.assert_close(got.data, expected.data, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(got.index, expected.index)


def test_an_own_augmentation_does_not_move_the_draws_of_others():
    """Without draws of its own, and in the last place."""

    class Same(SkeletonAugmentation):
        def apply(self, view, draws):
            return view

    x = View(batch("skeleton"))
    plain, more = AimCLRExtreme(), AugmentationSequence([Same(), AimCLRExtreme(), Gain()])
    one = plain.draw(x.data, torch.Generator().manual_seed(3))
    other = more.draw(x.data, torch.Generator().manual_seed(3))
    assert all(torch.equal(value, other[f"1.{key}"]) for key, value in one.items())


def test_prob_holds_for_an_apply_that_does_not_ask_for_it():
    class Zero(SkeletonAugmentation):
        def apply(self, view, draws):
            return view._replace(data=torch.zeros_like(view.data))

    view = View(batch("skeleton"))
    draws = {"0.apply": torch.tensor([True, False, True])}
    out = AugmentationSequence([Zero(prob=0.5)]).apply(view, draws)
    assert not out.data[[0, 2]].any()
    assert torch.equal(out.data[1], view.data[1])


def test_the_more_derived_of_apply_and_maps_counts():
    class Loud(Shear):
        def apply(self, view, draws):
            out = super().apply(view, draws)
            return out._replace(data=out.data + 100)

    class Still(Loud):
        def maps(self, x, draws):
            return []

    view = View(batch("skeleton"))
    assert AugmentationSequence([Loud()])(view).data.min() > 50
    assert Loud()(view).data.min() > 50
    assert AugmentationSequence([Still()])(view).data.max() < 50


def test_functions_among_maps_are_run_in_their_place():
    class Both(SkeletonAugmentation):
        def maps(self, x, draws):
            double = ops.PointMap(2 * x.new_ones(len(x), 3))
            return [double, lambda view: view._replace(data=view.data + 1), double]

    out = AugmentationSequence([Both()])(View(torch.ones(SHAPES["skeleton"])))
    assert torch.equal(out.data, torch.full_like(out.data, 6.0))


def test_a_plain_tensor_gives_a_tensor_by_the_global_generator():
    x = batch("skeleton")
    for augmentation in (Gain(), Shear(), AimCLRExtreme().bind("ntu25")):
        outs = []
        for _ in range(2):
            torch.manual_seed(5)
            outs.append(augmentation(x))
        assert torch.equal(*outs)
        assert not torch.equal(outs[0], x)
        assert torch.equal(
            augmentation(x, torch.Generator().manual_seed(1)), augmentation(x, torch.Generator().manual_seed(1))
        )


def own(function, **more) -> BatchAugmentation:
    return type("Own", (SkeletonAugmentation,), {"apply": lambda self, view, draws: function(view), **more})()


BROKEN = {
    "in place": (own(lambda v: v._replace(data=v.data.mul_(2))), "Own.apply changes the data"),
    "a tensor": (own(lambda v: v.data * 2), "returns Tensor; give a View"),
    "drops present": (own(lambda v: View(v.data * 2)), "drops view.present"),
    "fewer frames": (own(lambda v: v._replace(data=v.data[:, :, :5])), "out_like says"),
    "index stays": (
        own(lambda v: v._replace(data=v.data[:, :, :5]), frames_out=lambda self, frames: 5), r"index \(3, 12\)",
    ),
    "float64": (own(lambda v: v._replace(data=v.data.double())), "float64"),
    "nothing": (type("Own", (SkeletonAugmentation,), {})(), "no `apply"),
    "foreign map": (type("Own", (SkeletonAugmentation,), {"maps": lambda s, x, d: [Crop()]})(), "Crop.*TimeIndex"),
    "draw": (own(lambda v: v, draw=lambda self, x, generator: [1]), "draw returns list"),
    "a function of maps": (
        type("Own", (SkeletonAugmentation,), {"maps": lambda s, x, d: [lambda view: None]})(), "function of its maps",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_augmentation_is_refused_by_name(name):
    part, message = BROKEN[name]
    mask = torch.ones(N, 2, dtype=torch.bool)
    view = View(batch("skeleton"), mask, None, torch.arange(12.0).expand(N, -1))
    with pytest.raises(ContractError, match=message):
        AugmentationSequence([Shear(), part, TemporalFlip()])(view, torch.Generator().manual_seed(0))


def test_frames_are_checked_by_the_modality_of_the_list():
    """An augmentation for any modality has none of its own."""

    class Half(BatchAugmentation):
        def apply(self, view, draws):
            return view._replace(data=view.data[:, ::2])

        def out_like(self, x):
            return x[:, ::2]

    preprocessor = MODELS.build(dict(type="SequencePreprocessor", views=dict(a=[Half()])))
    with pytest.raises(ContractError, match="index"):
        preprocessor({"inputs": batch("sequence")}, training=True)
