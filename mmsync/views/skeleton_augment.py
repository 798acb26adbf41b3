"""Batched augmentations of skeletons: what is drawn for each clip. What is done with it is in ``mmsync.ops.augment``.

``draw`` makes the parameters of every clip, ``maps`` says which maps they stand for, ``apply`` runs them; a recorded
``draw`` can be applied again. Lists of augmentations are fused by :class:`AugmentationSequence`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

import torch
from mmcv.transforms import BaseTransform
from torch import Generator, Tensor

from mmsync.errors import ConfigError, LayoutError
from mmsync.ops import augment as ops
from mmsync.ops.resample import resample_matrix
from mmsync.registry import TRANSFORMS
from mmsync.structures import SkeletonLayout, View

Draws = dict[str, Tensor]
LayoutConfig = Union[str, Mapping, SkeletonLayout]


class BatchAugmentation:
    """Base of the augmentations of a skeleton batch ``(N, M, T, V, C)``.

    A subclass writes ``draw`` and ``maps``. Persons and frames of a clip share its parameters, clips never do.

    Args:
        prob: Probability in [0, 1] that a clip is augmented, drawn for each clip on its own.
    """

    num_coords = 3
    layout: Optional[SkeletonLayout] = None

    def __init__(self, prob: float = 1.0) -> None:
        if not 0 <= prob <= 1:
            raise ConfigError(f"{type(self).__name__}: prob={prob} is no probability; give a number in [0, 1]")
        self.prob = prob

    def bind(self, layout: Optional[LayoutConfig] = None, num_coords: Optional[int] = None) -> BatchAugmentation:
        """Tell what the data are: the joints' layout (kept if already given) and how many channels are coordinates."""
        if layout is not None and self.layout is None:
            self.layout = SkeletonLayout.from_config(layout)
        if num_coords is not None:
            self.num_coords = num_coords
        return self

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        """Draw the parameters of every clip.

        Args:
            x: ``(N, M, T, V, C)``; only its shape, dtype and device are used.
            generator: On the device of ``x``.

        Returns:
            Tensors by name, each ``(N, ...)``; ``apply (N,)`` bool says which clips are augmented, if not all.
        """
        raise NotImplementedError

    def maps(self, frames: int, draws: Draws) -> list[ops.Map]:
        """The maps that the drawn parameters stand for, on clips of ``frames`` frames."""
        raise NotImplementedError

    def frames_out(self, frames: int) -> int:
        """Number of frames of a clip of ``frames`` frames afterwards."""
        return frames

    def apply(self, x: Tensor, mask: Optional[Tensor], draws: Draws) -> Tensor:
        """Augment with given parameters.

        Args:
            x: ``(N, M, T, V, C)``; not changed.
            mask: ``(N, M)`` bool, True where a person is there; ``None``: everywhere. Absent persons come out zero.
            draws: What ``draw`` gave.

        Returns:
            ``(N, M, T', V, C)``.
        """
        return ops.augment(x, mask, self.maps(x.shape[2], draws))

    def __call__(self, view: View, generator: Generator) -> View:
        """Augment a view with freshly drawn parameters."""
        return view._replace(data=self.apply(view.data, view.present, self.draw(view.data, generator)))

    def _decide(self, x: Tensor, generator: Generator) -> Draws:
        if self.prob == 1:
            return {}
        return {"apply": torch.rand(len(x), generator=generator, device=x.device) < self.prob}

    def _known_layout(self) -> SkeletonLayout:
        if self.layout is None:
            raise LayoutError(f"{type(self).__name__} does not know the joints; give it layout='ntu25' or such")
        return self.layout


def _uniform(x: Tensor, low: float, high: float, shape: Sequence[int], generator: Generator) -> Tensor:
    return torch.rand((len(x), *shape), generator=generator, device=x.device, dtype=x.dtype) * (high - low) + low


def _else(draws: Draws, value: Tensor, otherwise: Tensor) -> Tensor:
    """``value`` for the clips that are augmented, ``otherwise`` for the rest."""
    apply = draws.get("apply")
    return value if apply is None else torch.where(apply.view(-1, *[1] * (value.dim() - 1)), value, otherwise)


@TRANSFORMS.register_module()
class Shear(BatchAugmentation):
    """Shear every point of a clip ``(M, T, V, C)`` by one random matrix about the origin (Guo et al., AimCLR, 2022).

    Args:
        amplitude: The six off-diagonal entries are uniform in [-amplitude, amplitude].
        prob: Probability per clip.
    """

    def __init__(self, amplitude: float = 0.5, prob: float = 1.0) -> None:
        super().__init__(prob)
        self.amplitude = amplitude

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        decided = self._decide(x, generator)
        return {**decided, "amount": _uniform(x, -self.amplitude, self.amplitude, (6,), generator)}

    def maps(self, frames: int, draws: Draws) -> list[ops.Map]:
        amount = draws["amount"]
        matrix = ops.shear_matrix(_else(draws, amount, torch.zeros_like(amount)))
        return [ops.PointMap(matrix[:, : self.num_coords, : self.num_coords])]


@TRANSFORMS.register_module()
class TemporalCrop(BatchAugmentation):
    """Crop T frames out of a clip ``(M, T, V, C)`` mirrored at both ends (Guo et al., AimCLR, 2022).

    Args:
        ratio: ``T // ratio`` frames are mirrored on each side; a clip shorter than that stays as it is.
        prob: Probability per clip.
    """

    def __init__(self, ratio: int = 6, prob: float = 1.0) -> None:
        super().__init__(prob)
        if ratio < 1:
            raise ConfigError(f"TemporalCrop: ratio={ratio}; give a whole number of at least 1")
        self.ratio = ratio

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        decided = self._decide(x, generator)
        pad = x.shape[2] // self.ratio
        start = torch.randint(0, 2 * pad + 1, (len(x),), generator=generator, device=x.device)
        return {**decided, "start": start}

    def maps(self, frames: int, draws: Draws) -> list[ops.Map]:
        pad = frames // self.ratio
        start = _else(draws, draws["start"], draws["start"].new_tensor(pad))
        return [ops.TimeIndex(ops.crop_index(start, frames, pad))]


@TRANSFORMS.register_module()
class RandomCropResize(BatchAugmentation):
    """Cut a random window out of a clip ``(M, T, V, C)`` and resample it linearly.

    Args:
        scale: Range of the window's length as a share of T, in (0, 1].
        size: Frames afterwards; ``None`` keeps T.
        min_frames: Least length of a window in frames (T at most).
        prob: Probability per clip; the others are resampled as a whole.
    """

    def __init__(
        self, scale: Sequence[float] = (0.5, 1.0), size: Optional[int] = None, min_frames: int = 1, prob: float = 1.0
    ) -> None:
        super().__init__(prob)
        low, high = scale
        if not 0 < low <= high <= 1:
            raise ConfigError(f"RandomCropResize: scale={tuple(scale)}; give (low, high) with 0 < low <= high <= 1")
        self.scale, self.size, self.min_frames = (low, high), size, min_frames

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        decided = self._decide(x, generator)
        frames = x.shape[2]
        length = _uniform(x, *self.scale, (), generator).mul(frames).clamp(min(self.min_frames, frames), frames)
        start = _uniform(x, 0, 1, (), generator) * (frames - length)
        return {**decided, "start": start, "length": length}

    def maps(self, frames: int, draws: Draws) -> list[ops.Map]:
        start = _else(draws, draws["start"], torch.zeros_like(draws["start"]))
        length = _else(draws, draws["length"], torch.full_like(draws["length"], frames))
        return [ops.TimeMatrix(resample_matrix(start, length, frames, self.frames_out(frames)))]

    def frames_out(self, frames: int) -> int:
        return self.size or frames


@TRANSFORMS.register_module()
class SpatialFlip(BatchAugmentation):
    """Exchange left and right joints of a clip ``(M, T, V, C)``, coordinates as they are (Guo et al., AimCLR, 2022).

    The body is turned inside out rather than reflected; for a reflection use ``Mirror``.

    Args:
        layout: Name or dict of the layout; the data preprocessor's where it is not given.
        prob: Probability per clip.
    """

    def __init__(self, layout: Optional[LayoutConfig] = None, prob: float = 0.5) -> None:
        super().__init__(prob)
        self.bind(layout)

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        return self._decide(x, generator) or {"apply": torch.ones(len(x), dtype=torch.bool, device=x.device)}

    def maps(self, frames: int, draws: Draws) -> list[ops.Map]:
        flip = torch.tensor(self._known_layout().flip_index, device=draws["apply"].device)
        same = torch.arange(len(flip), device=flip.device)
        return [ops.JointIndex(torch.where(draws["apply"][:, None], flip, same))]


@TRANSFORMS.register_module()
class Mirror(SpatialFlip):
    """Reflect a clip ``(M, T, V, C)``: exchange left and right joints and negate one axis.

    Args:
        axis: The axis to negate, 0 for x; it should run across the body.
        layout: Name or dict of the layout; the data preprocessor's where it is not given.
        prob: Probability per clip.
    """

    def __init__(self, axis: int = 0, layout: Optional[LayoutConfig] = None, prob: float = 0.5) -> None:
        super().__init__(layout, prob)
        self.axis = axis

    def maps(self, frames: int, draws: Draws) -> list[ops.Map]:
        sign = torch.ones(len(draws["apply"]), self.num_coords, device=draws["apply"].device)
        sign[:, self.axis] = torch.where(draws["apply"], -1.0, 1.0)
        return [*super().maps(frames, draws), ops.PointMap(sign)]


@TRANSFORMS.register_module()
class Rotate(BatchAugmentation):
    """Rotate a clip ``(M, T, V, C)`` about one main axis, a little about the others (Guo et al., AimCLR, 2022).

    Angles are positive only and the rotation is about the origin. Of 2D data it takes the orthographic view.

    Args:
        main_degrees: The angle about the main axis, itself uniform in {x, y, z}, is uniform in [0, main_degrees].
        other_degrees: The same for the two other axes.
        prob: Probability per clip.
    """

    def __init__(self, main_degrees: float = 30.0, other_degrees: float = 1.0, prob: float = 1.0) -> None:
        super().__init__(prob)
        self.main_degrees, self.other_degrees = main_degrees, other_degrees

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        decided = self._decide(x, generator)
        main = torch.randint(0, 3, (len(x), 1), generator=generator, device=x.device)
        high = x.new_full((len(x), 3), self.other_degrees).scatter_(1, main, self.main_degrees)
        return {**decided, "degrees": _uniform(x, 0, 1, (3,), generator) * high}

    def maps(self, frames: int, draws: Draws) -> list[ops.Map]:
        degrees = _else(draws, draws["degrees"], torch.zeros_like(draws["degrees"]))
        matrix = ops.rotation_matrix(degrees * (math.pi / 180))
        return [ops.PointMap(matrix[:, : self.num_coords, : self.num_coords])]


@TRANSFORMS.register_module()
class RandomRotation(Rotate):
    """Rotate a clip ``(M, T, V, C)`` about x, y and z by independent angles of either sign, about the origin.

    Args:
        max_degrees: For x, y and z: the angle is uniform in [-max, max]. ``(0, 60, 0)`` turns about a vertical y only;
            ``(17.2, 17.2, 17.2)`` is the rotation of CTR-GCN (Chen et al., 2021).
        prob: Probability per clip.
    """

    def __init__(self, max_degrees: Sequence[float] = (0.0, 60.0, 0.0), prob: float = 1.0) -> None:
        BatchAugmentation.__init__(self, prob)
        if len(max_degrees) != 3:
            raise ConfigError(f"RandomRotation: max_degrees={max_degrees}; give three angles, about x, y and z")
        self.max_degrees = tuple(max_degrees)

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        decided = self._decide(x, generator)
        return {**decided, "degrees": _uniform(x, -1, 1, (3,), generator) * x.new_tensor(self.max_degrees)}


@TRANSFORMS.register_module()
class RandomScale(BatchAugmentation):
    """Scale a clip ``(M, T, V, C)`` about the origin.

    Args:
        scale: The factor is uniform in this range.
        per_axis: One factor for each axis instead of one for all.
        prob: Probability per clip.
    """

    def __init__(self, scale: Sequence[float] = (0.8, 1.2), per_axis: bool = False, prob: float = 1.0) -> None:
        super().__init__(prob)
        low, high = scale
        self.scale, self.per_axis = (low, high), per_axis

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        decided = self._decide(x, generator)
        factor = _uniform(x, *self.scale, (self.num_coords if self.per_axis else 1,), generator)
        return {**decided, "factor": factor.expand(-1, self.num_coords)}

    def maps(self, frames: int, draws: Draws) -> list[ops.Map]:
        return [ops.PointMap(_else(draws, draws["factor"], torch.ones_like(draws["factor"])))]


@TRANSFORMS.register_module()
class GaussianNoise(BatchAugmentation):
    """Add white Gaussian noise to the coordinates of a clip ``(M, T, V, C)`` (Guo et al., AimCLR, 2022).

    Args:
        std: Standard deviation, in the unit of the coordinates.
        keep_absent: Absent persons and all-zero frames stay zero. ``False``: they get noise too, as in the reference.
        prob: Probability per clip.
    """

    def __init__(self, std: float = 0.01, keep_absent: bool = True, prob: float = 0.5) -> None:
        super().__init__(prob)
        self.std, self.keep_absent = std, keep_absent

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        # Only a seed is drawn: values for the clips and persons that need them are made when they are added, so what is
        # drawn afterwards does not depend on who is there. A recorded `value (N, M, T, V, C)` serves in its place.
        decided = self._decide(x, generator)
        return {**decided, "seed": torch.randint(0, 2**62, (), generator=generator, device=x.device)}

    def maps(self, frames: int, draws: Draws) -> list[ops.Map]:
        value, seed = draws.get("value"), draws.get("seed")
        generator = None if seed is None else Generator(seed.device).manual_seed(int(seed))
        return [ops.Noise(self.std, self.num_coords, draws.get("apply"), generator, value, self.keep_absent)]


@TRANSFORMS.register_module()
class GaussianBlur(BatchAugmentation):
    """Smooth a clip ``(M, T, V, C)`` over time with a Gaussian filter (Guo et al., AimCLR, 2022).

    Args:
        sigma: The standard deviation in frames is uniform in this range.
        taps: Width of the filter in frames, odd.
        normalize: The weights of each output frame sum to 1. ``False``: as in the released code, where they sum to up
            to 5 (so that the clip is scaled up) and fall off at the ends (zero padding).
        keep_absent: All-zero frames stay zero.
        prob: Probability per clip.
    """

    def __init__(
        self,
        sigma: Sequence[float] = (0.1, 2.0),
        taps: int = 15,
        normalize: bool = True,
        keep_absent: bool = True,
        prob: float = 0.5,
    ) -> None:
        super().__init__(prob)
        if taps < 1 or taps % 2 == 0:
            raise ConfigError(f"GaussianBlur: taps={taps}; give an odd number, so that the filter has a middle")
        low, high = sigma
        if not 0 < low <= high:
            raise ConfigError(f"GaussianBlur: sigma={tuple(sigma)}; give (low, high) with 0 < low <= high")
        self.sigma, self.taps, self.normalize, self.keep_absent = (low, high), taps, normalize, keep_absent

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        decided = self._decide(x, generator)
        return {**decided, "sigma": _uniform(x, *self.sigma, (), generator)}

    def maps(self, frames: int, draws: Draws) -> list[ops.Map]:
        matrix = ops.blur_matrix(draws["sigma"], frames, self.taps, self.normalize)
        return [ops.TimeMatrix(matrix, draws.get("apply"), self.keep_absent)]


@TRANSFORMS.register_module()
class AxisMask(BatchAugmentation):
    """Set one random axis of a clip ``(M, T, V, C)`` to zero (Guo et al., AimCLR, 2022).

    Args:
        prob: Probability per clip.
    """

    def __init__(self, prob: float = 0.5) -> None:
        super().__init__(prob)

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        decided = self._decide(x, generator)
        return {**decided, "axis": torch.randint(0, self.num_coords, (len(x),), generator=generator, device=x.device)}

    def maps(self, frames: int, draws: Draws) -> list[ops.Map]:
        axis = draws["axis"][:, None]
        keep = (axis != torch.arange(self.num_coords, device=axis.device)).float()
        return [ops.PointMap(_else(draws, keep, torch.ones_like(keep)))]


@TRANSFORMS.register_module()
class JointMask(BatchAugmentation):
    """Set random joints of a clip ``(M, T, V, C)`` to zero.

    Args:
        ratio: Share of the joints, in [0, 1); ``floor(ratio * V)`` joints, drawn without replacement.
        per_frame: Other joints in each frame.
        prob: Probability per clip.
    """

    def __init__(self, ratio: float = 0.1, per_frame: bool = False, prob: float = 1.0) -> None:
        super().__init__(prob)
        if not 0 <= ratio < 1:
            raise ConfigError(f"JointMask: ratio={ratio}; give a share in [0, 1)")
        self.ratio, self.per_frame = ratio, per_frame

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        decided = self._decide(x, generator)
        frames, joints = x.shape[2:4]
        order = torch.rand(len(x), frames if self.per_frame else 1, joints, generator=generator, device=x.device)
        masked = order.argsort(dim=2)[..., : int(self.ratio * joints)]
        return {**decided, "keep": torch.ones_like(order, dtype=torch.bool).scatter_(2, masked, False)}

    def maps(self, frames: int, draws: Draws) -> list[ops.Map]:
        return [ops.JointKeep(_else(draws, draws["keep"], torch.ones_like(draws["keep"])))]


@TRANSFORMS.register_module()
class TemporalFlip(BatchAugmentation):
    """Reverse a clip ``(M, T, V, C)`` in time (Guo et al., AimCLR, 2022).

    Args:
        prob: Probability per clip.
    """

    def __init__(self, prob: float = 0.5) -> None:
        super().__init__(prob)

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        return self._decide(x, generator) or {"apply": torch.ones(len(x), dtype=torch.bool, device=x.device)}

    def maps(self, frames: int, draws: Draws) -> list[ops.Map]:
        time = torch.arange(frames, device=draws["apply"].device)
        return [ops.TimeIndex(torch.where(draws["apply"][:, None], time.flip(0), time))]


@TRANSFORMS.register_module()
class AugmentationSequence(BatchAugmentation):
    """Augmentations of a batch ``(N, M, T, V, C)``, one after the other, their maps fused.

    All parameters are drawn before the first map runs; the draws of the i-th are called ``'i.name'``.

    Args:
        transforms: Configs of augmentations, or augmentations.
    """

    def __init__(self, transforms: Sequence[Union[Mapping, BatchAugmentation]]) -> None:
        super().__init__()
        self.transforms: list[BatchAugmentation] = [
            t if isinstance(t, BatchAugmentation) else TRANSFORMS.build(dict(t)) for t in transforms
        ]
        for t in self.transforms:
            if not isinstance(t, BatchAugmentation):
                raise ConfigError(
                    f"{type(t).__name__} is no batched augmentation and cannot be part of a view; "
                    "transforms of single samples belong into the dataset's pipeline"
                )

    def bind(self, layout: Optional[LayoutConfig] = None, num_coords: Optional[int] = None) -> AugmentationSequence:
        super().bind(layout, num_coords)
        for t in self.transforms:
            t.bind(layout, num_coords)
        return self

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        draws: Draws = {}
        for i, t in enumerate(self.transforms):
            draws.update({f"{i}.{name}": value for name, value in t.draw(x, generator).items()})
            x = x[:, :, :1].expand(-1, -1, t.frames_out(x.shape[2]), -1, -1)  # the shape that the next one will see
        return draws

    def maps(self, frames: int, draws: Draws) -> list[ops.Map]:
        parts: list[Draws] = [{} for _ in self.transforms]
        for key, value in draws.items():
            i, name = key.split(".", 1)
            parts[int(i)][name] = value
        maps: list[ops.Map] = []
        for t, part in zip(self.transforms, parts):
            maps += t.maps(frames, part)
            frames = t.frames_out(frames)
        return maps

    def frames_out(self, frames: int) -> int:
        for t in self.transforms:
            frames = t.frames_out(frames)
        return frames


@TRANSFORMS.register_module()
class AimCLRNormal(AugmentationSequence):
    """The normal augmentation of AimCLR (Guo et al., 2022) on ``(N, M, T, V, C)``: temporal crop, shear.

    Args:
        shear_amplitude: Of ``Shear``.
        crop_ratio: Of ``TemporalCrop``.
    """

    def __init__(self, shear_amplitude: float = 0.5, crop_ratio: int = 6) -> None:
        super().__init__([TemporalCrop(crop_ratio), Shear(shear_amplitude)])


@TRANSFORMS.register_module()
class AimCLRExtreme(AugmentationSequence):
    """The extreme augmentation of AimCLR (Guo et al., 2022) on ``(N, M, T, V, C)``.

    Temporal crop, shear, spatial flip, rotate, Gaussian noise, Gaussian blur, axis mask and, in the paper's set,
    temporal flip. The released models were trained without the last.

    Args:
        extreme_set: ``'released'`` or ``'paper'``.
        blur_normalize: Of ``GaussianBlur``. ``False`` is the released behaviour.
        keep_absent: Of ``GaussianNoise`` and ``GaussianBlur``. ``False`` is the released behaviour.
        shear_amplitude: Of ``Shear``.
        crop_ratio: Of ``TemporalCrop``.
    """

    def __init__(
        self,
        extreme_set: str = "released",
        blur_normalize: bool = True,
        keep_absent: bool = True,
        shear_amplitude: float = 0.5,
        crop_ratio: int = 6,
    ) -> None:
        if extreme_set not in ("released", "paper"):
            raise ConfigError(f"AimCLRExtreme: extreme_set={extreme_set!r}; there are 'released' and 'paper'")
        super().__init__(
            [
                TemporalCrop(crop_ratio),
                Shear(shear_amplitude),
                SpatialFlip(),
                Rotate(),
                GaussianNoise(keep_absent=keep_absent),
                GaussianBlur(normalize=blur_normalize, keep_absent=keep_absent),
                AxisMask(),
                *([TemporalFlip()] if extreme_set == "paper" else []),
            ]
        )


@TRANSFORMS.register_module()
class AugmentSkeleton(BaseTransform):
    """Batched augmentations for one clip on the CPU, in a dataset's pipeline.

    Changes ``keypoint (M, T, V, C)``; reads ``person_mask (M,)``, ``layout`` and ``rng``.

    Args:
        transforms: Configs of batched augmentations.
        num_coords: The first channels that are coordinates.
    """

    def __init__(self, transforms: Sequence[Mapping], num_coords: int = 3) -> None:
        self.sequence = AugmentationSequence(transforms).bind(num_coords=num_coords)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        self.sequence.bind(results.get("layout"))
        generator = torch.Generator().manual_seed(int(results["rng"].integers(2**62)))
        mask = results.get("person_mask")
        view = View(torch.from_numpy(results["keypoint"])[None], None if mask is None else torch.from_numpy(mask)[None])
        results["keypoint"] = self.sequence(view, generator).data[0].numpy()
        return results
