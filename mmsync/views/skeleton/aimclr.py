"""The two sets of augmentations of AimCLR."""

from __future__ import annotations

from typing import Literal

from mmsync.errors import ConfigError
from mmsync.registry import TRANSFORMS
from mmsync.views.augmentation import AugmentationSequence
from mmsync.views.skeleton.spatial import AxisMask, Rotate, Shear, SpatialFlip
from mmsync.views.skeleton.temporal import GaussianBlur, GaussianNoise, TemporalCrop, TemporalFlip


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
        blur_normalize: Of ``GaussianBlur``. ``False`` is the released behavior.
        keep_absent: Of ``GaussianNoise`` and ``GaussianBlur``. ``False`` is the released behavior.
        shear_amplitude: Of ``Shear``.
        crop_ratio: Of ``TemporalCrop``.
    """

    def __init__(
        self, extreme_set: Literal["released", "paper"] = "released", blur_normalize: bool = True,
        keep_absent: bool = True, shear_amplitude: float = 0.5, crop_ratio: int = 6,
    ) -> None:  # fmt: skip
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
