"""I3D (Carreira and Zisserman, 2017), and GoogLeNet to inflate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Optional

from mmsync.interop.family import BACKBONE, HEAD, Family, Form, Rules, State, own_weights, shape

if TYPE_CHECKING:
    from mmengine.config import Config

_INPUT = "25 frames a second, 224 x 224; color and flow in [-1, 1]"


def _units() -> list[tuple[str, str, str, str]]:
    """Names of I3D's 57 units: mmsync's (and piergiaj's), hassony2's, TensorFlow's and GoogLeNet's of torchvision."""
    stems = (("Conv3d_1a_7x7", "conv1"), ("Conv3d_2b_1x1", "conv2"), ("Conv3d_2c_3x3", "conv3"))
    rows = [(name, name.lower(), name, image) for name, image in stems]
    for block in ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c"):
        image = f"inception{block[0]}{chr(ord(block[1]) - 1)}."
        last = "Conv3d_0a_3x3" if block == "5b" else "Conv3d_0b_3x3"  # a slip in the release
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


def _rules(column: int, *parts: tuple[str, str]) -> Rules:
    """Rules of all units for a column of :func:`_units`: ends of the reference's names and of mmsync's."""
    return [(row[column] + theirs, f"{BACKBONE}{row[0]}.{ours}") for row in _units() for theirs, ours in parts]


_PIERGIAJ = (("logits.conv3d.", HEAD), ("", BACKBONE))
_HASSONY2 = (("conv3d_0c_1x1.conv3d.", HEAD), *_rules(1, (".conv3d.", "conv3d."), (".batch3d.", "bn.")))
_TENSORFLOW = (
    ("Logits/Conv3d_0c_1x1/conv_3d/w", f"{HEAD}weight"),
    ("Logits/Conv3d_0c_1x1/conv_3d/b", f"{HEAD}bias"),
    *_rules(
        2,
        ("/conv_3d/w", "conv3d.weight"),
        ("/batch_norm/beta", "bn.bias"),
        ("/batch_norm/moving_mean", "bn.running_mean"),
        ("/batch_norm/moving_variance", "bn.running_var"),
    ),
)


class I3D(Family):
    """Checkpoints of I3D."""

    name, title, stem = "i3d", "I3D", "Conv3d_1a_7x7.conv3d.weight"
    pool = dict(type="VideoPool", window=2)
    forms = {
        "piergiaj": Form("piergiaj/pytorch-i3d", _PIERGIAJ, (), (BACKBONE,), anchor=stem, note=_INPUT),
        "hassony2": Form("hassony2/kinetics_i3d_pytorch", _HASSONY2, anchor=stem.lower(), note=_INPUT),
        "deepmind": Form(
            "deepmind/kinetics-i3d", _TENSORFLOW, anchor="Conv3d_1a_7x7/conv_3d/w", arrays="tensorflow", note=_INPUT
        ),
        "googlenet": Form(
            "GoogLeNet of torchvision",
            _rules(3, (".conv.", "conv3d."), (".bn.", "bn.")),
            anchor="inception3a.branch1.conv.weight",
            arrays="images",
        ),
    }

    def backbone(self, state: State, source: str, config: Optional[Config]) -> dict[str, Any]:
        """Derive the config of the backbone from its weights, see the base class."""
        out, channels = shape(own_weights(state), self.stem, source)[:2]
        return dict(type="I3D", in_channels=channels, width=out / 64)

    def adapt(self, state: State, aside: State, form: Form) -> dict[str, Any]:
        """Turn TensorFlow's arrays into torch's, and the last 1x1x1 convolution into a linear layer."""
        import torch

        norms = [name[: -len("running_var")] for name in state if name.endswith("running_var")]
        flat = all(state[f"{name}running_var"].dim() == 1 for name in norms)
        if form.arrays == "tensorflow":
            for name, value in state.items():
                state[name] = value.permute(4, 3, 0, 1, 2) if name.endswith("weight") else value.flatten()
            state.update({f"{name}weight": torch.ones_like(state[f"{name}running_var"]) for name in norms})
        if f"{HEAD}weight" in state:
            state[f"{HEAD}weight"] = state[f"{HEAD}weight"].flatten(1)
        return dict(flat=flat)

    def restore(self, state: State, aside: State, form: Form, origin: Mapping[str, Any], source: str) -> None:
        """Undo :meth:`adapt`, see the base class."""
        if f"{HEAD}weight" in state:
            state[f"{HEAD}weight"] = state[f"{HEAD}weight"][..., None, None, None]
        if form.arrays != "tensorflow":
            return
        _fold_scales(state)
        for name in list(state):
            if name.endswith("num_batches_tracked"):
                del state[name]
            elif state[name].dim() == 5:
                state[name] = state[name].permute(2, 3, 4, 1, 0).contiguous()
            elif not origin.get("flat", True) and name.startswith(BACKBONE):
                state[name] = state[name][None, None, None, None]


def _fold_scales(state: State) -> None:
    """Fold the scale of each batch normalization into the convolution before it, since TensorFlow's has none."""
    for name in [name for name in state if name.endswith("bn.weight")]:
        scale, unit = state.pop(name), name[: -len("bn.weight")]
        state[f"{unit}conv3d.weight"] = state[f"{unit}conv3d.weight"] * scale[:, None, None, None, None]
        state[f"{unit}bn.running_mean"] = state[f"{unit}bn.running_mean"] * scale


FAMILY = I3D()
