"""Checkpoints of video networks as mmsync's, and back (docs/design/0024-video-backbones.md).

As with skeletons (:mod:`mmsync.interop.skeleton`): a form (:mod:`mmsync.interop.video_forms`) is a table of names
that is read in either direction, and the network that the shapes tell is compared with the renamed weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from mmsync.apis.cli import run_tool
from mmsync.config import load
from mmsync.engine.checkpoint import StateMatch, match_state, read_checkpoint, require_checkpoint, write_checkpoint
from mmsync.errors import CheckpointError
from mmsync.fileio import atomic_path
from mmsync.interop.skeleton import MIN_BACKBONE, Conversion, State, converter_arguments, rename, tell, weights_of
from mmsync.interop.video_forms import BACKBONE, HEAD, VIDEO_FAMILIES, detect
from mmsync.ops.inflate import inflate
from mmsync.registry import MODELS

STEMS = ("Conv3d_1a_7x7.conv3d.weight", "stem.0.weight")
"""The first weight of each backbone, by which it is found in a checkpoint of any method."""


# ------------------------------------------------------------------------------------------ the network by its shapes


def describe(state: Mapping[str, Tensor], bn_eps: Optional[float] = None, variant: Optional[str] = None) -> dict:
    """The config of the backbone that weights belong to; what is damaged shows when they are compared with it.

    Args:
        state: Its weights under mmsync's names.
        bn_eps: Of VideoResNet; shapes do not tell. ``None``: 1e-3 for R(2+1)D as VMZ builds it, else 1e-5.
        variant: Of a 2D ResNet, what to inflate it to; ``None`` is r3d.
    """
    if STEMS[0] in state:
        out, channels = state[STEMS[0]].shape[:2]
        return dict(type="I3D", in_channels=channels, width=out / 64)
    channels, stage = state[STEMS[1]].shape[1], "layer2.0."
    blocks = {int(name.split(".")[1]) for name in state if name.startswith("layer3.")}
    config: dict[str, Any] = dict(type="VideoResNet", depth=34 if len(blocks) > 2 else 18, in_channels=channels)
    mids = [state.get(f"{stage}{part}.0.0.weight") for part in ("conv1", "conv2")]
    if mids[0] is not None and mids[1] is not None:
        same = mids[0].shape[0] == mids[1].shape[0]
        config.update(variant="r2plus1d", midplanes="per_block" if same else "per_conv")
        bn_eps = (1e-5 if same else 1e-3) if bn_eps is None else bn_eps
    else:
        kernel = state[f"{stage}conv1.0.weight"].shape[2:] if f"{stage}conv1.0.weight" in state else ()
        config.update(variant=variant or ("mc3" if tuple(kernel) == (1, 3, 3) else "r3d"))
    norm = state.get("layer1.0.conv1.1.weight")
    width = 1.0 if norm is None else len(norm) / 64
    return dict(config, width=width, bn_eps=1e-5 if bn_eps is None else bn_eps)


def _model(state: State, backbone: dict) -> dict[str, Any]:
    """Config of the model: a classifier if the file has its layer, else an encoder."""
    pool = dict(type="VideoPool", window=2) if backbone["type"] == "I3D" else dict(type="VideoPool")
    encoder = dict(type="Encoder", backbone=backbone, pool=pool)
    if f"{HEAD}bias" not in state:
        return dict(encoder=encoder)
    return dict(
        type="Classifier",
        encoder=encoder,
        head=dict(type="LinearHead", num_classes=len(state[f"{HEAD}bias"])),
    )


def _fit(state: State, model: Mapping[str, Any], source: str) -> StateMatch:
    """Inflates kernels of images where the model's have a time axis, and compares all with the model."""
    with torch.device("meta"):
        network: nn.Module = (
            MODELS.build(model) if "type" in model else nn.ModuleDict({"encoder": MODELS.build(model["encoder"])})
        )
    for name, own in network.state_dict().items():
        if name in state and state[name].dim() == 4 and own.dim() == 5:
            state[name] = inflate(state[name], own.shape[2])
    match = match_state(network, state)
    if match.backbone < MIN_BACKBONE:
        raise CheckpointError(
            f"{source}: only {match.backbone:.0%} of the backbone's weights fit, at least {MIN_BACKBONE:.0%} must; "
            f"nothing was written. {match.table()}"
        )
    return match


# ------------------------------------------------------------------------------------------------------- the conversion


def from_video_reference(
    content: Mapping[str, Any],
    family: str,
    source: str = "checkpoint",
    config: Optional[Config] = None,
    bn_eps: Optional[float] = None,
    variant: Optional[str] = None,
) -> Conversion:
    """A checkpoint of another project as one of mmsync: an encoder and, where the file has one, its classifier.

    What a file lacks though mmsync has it, is filled in with what it stands for: counters of batches (files of torch
    before 0.4) with 0, the scale of a batch normalisation (TensorFlow's have none) with 1. What has no place here is
    kept in the entry ``reference_only`` for the way back.

    Args:
        content: ``state_dict``: names and tensors or arrays, as :func:`read_weights` gives it.
        family: Key of ``VIDEO_FAMILIES``.
        source: Name of the file, for messages.
        config: Compare with its model instead of the one that the shapes tell, and keep it in the checkpoint.
        bn_eps: As for :func:`describe`.
        variant: As for :func:`describe`.

    Raises:
        CheckpointError: A file of another family, or incomplete.
    """
    theirs, container, module = weights_of(content, source)
    found = detect(list(theirs), family)
    if found is None:
        other = [f for key, f in VIDEO_FAMILIES.items() if detect(list(theirs), key)]
        hint = "".join(f"; it looks like one of {f.title} (tools/model_converters/{f.tool})" for f in other)
        raise CheckpointError(
            f"{source} is no checkpoint of {VIDEO_FAMILIES[family].title}: none of its forms fits its {len(theirs)} "
            f"names, the first of them {', '.join(list(theirs)[:3])}{hint}"
        )
    key, prefix = found
    form = VIDEO_FAMILIES[family].forms[key]
    state, rest = rename({k[len(prefix) :]: v for k, v in theirs.items() if k.startswith(prefix)}, form.rules)
    unused = {k: v for k, v in theirs.items() if not k.startswith(prefix)}
    unused.update({f"{prefix}{name}": value for name, value in rest.items()})
    norms = [name[: -len("running_var")] for name in state if name.endswith("running_var")]
    flat = all(state[f"{name}running_var"].dim() == 1 for name in norms)
    if form.arrays == "tensorflow":
        state = {
            name: value.permute(4, 3, 0, 1, 2) if name.endswith("weight") else value for name, value in state.items()
        }
        state = {name: value if name.endswith("weight") else value.flatten() for name, value in state.items()}
        state.update({f"{name}weight": torch.ones_like(state[f"{name}running_var"]) for name in norms})
    counted = any(name.endswith("num_batches_tracked") for name in state)
    if not counted:
        state.update({f"{name}num_batches_tracked": torch.tensor(0) for name in norms})
    if f"{HEAD}weight" in state:
        state[f"{HEAD}weight"] = state[f"{HEAD}weight"].flatten(1)
    own = {name[len(BACKBONE) :]: value for name, value in state.items() if name.startswith(BACKBONE)}
    model = config.model if config is not None else _model(state, describe(own, bn_eps, variant))
    match = _fit(state, model, source)
    origin = dict(
        family=family,
        form=key,
        file=source,
        container=container,
        module=module,
        prefix=prefix,
        counted=counted,
        flat=flat,
    )
    checkpoint = dict(state_dict=state, meta=dict(origin=origin), reference_only=unused)
    if config is not None:
        checkpoint["meta"]["cfg"] = config.pretty_text
    title = f"{source}: {VIDEO_FAMILIES[family].title}, {form.title}"
    if form.weights:
        title += f"\nmade for {form.weights}"
    return Conversion(checkpoint, title, match, list(unused), model, config and config.filename)


def to_video_reference(
    content: Mapping[str, Any], family: str, source: str = "checkpoint", form: Optional[str] = None
) -> Conversion:
    """The way back: the video backbone of any mmsync checkpoint, with a linear classifier if it has one.

    Args:
        content: As :func:`~mmsync.engine.checkpoint.read_checkpoint` gives it.
        family: Key of ``VIDEO_FAMILIES``.
        source: Name of the file, for messages.
        form: Key of the family's forms; ``None``: the one that the file came in, else the family's first.

    Raises:
        CheckpointError: No such backbone, or a form of images' networks, which have no time.
    """
    kind, state = VIDEO_FAMILIES[family], content["state_dict"]
    origin = content.get("meta", {}).get("origin") or {}
    if origin.get("family") != family or form not in (None, origin.get("form")):
        origin = {}
    key = form or origin.get("form") or next(iter(kind.forms))
    if kind.forms[key].arrays == "images":
        choices = ", ".join(name for name, other in kind.forms.items() if other.arrays != "images")
        raise CheckpointError(f"{source}: a network of images has no place for time; give --form {choices}")
    stem = STEMS[family != "i3d"]
    before = next((name[: -len(stem)] for name in state if f".{name}".endswith(f".{stem}")), None)
    if before is None:
        raise CheckpointError(f"{source} has no backbone of {kind.title}: no name ends with {stem}")
    ours = {BACKBONE + name[len(before) :]: value for name, value in state.items() if name.startswith(before)}
    ours.update({name: state[name] for name in (f"{HEAD}weight", f"{HEAD}bias") if name in state})
    total = len(ours)
    tensorflow = kind.forms[key].arrays == "tensorflow"
    if tensorflow:
        _fold_scales(ours)
    if tensorflow or not origin.get("counted", True):
        ours = {name: value for name, value in ours.items() if not name.endswith("num_batches_tracked")}
    if family == "i3d" and f"{HEAD}weight" in ours:
        ours[f"{HEAD}weight"] = ours[f"{HEAD}weight"][..., None, None, None]
    if tensorflow:
        for name, value in ours.items():
            if value.dim() == 5:
                ours[name] = value.permute(2, 3, 4, 1, 0).contiguous()
            elif not origin.get("flat", True) and name.startswith(BACKBONE):
                ours[name] = value[None, None, None, None]
    renamed, lost = rename(ours, kind.forms[key].rules, back=True)
    renamed = {origin.get("prefix", "") + name: value for name, value in renamed.items()}
    renamed.update((content.get("reference_only") or {}) if origin else {})
    if origin.get("module"):
        renamed = {f"module.{name}": value for name, value in renamed.items()}
    unused = [name for name in state if not name.startswith(before) and not name.startswith(HEAD)] + list(lost)
    match = StateMatch(list(renamed), [], [], [], 1 - len(lost) / total)
    container = origin.get("container")
    title = f"{source}: as {kind.title}, {kind.forms[key].title}"
    return Conversion({container: renamed} if container else renamed, title, match, unused)


def _fold_scales(state: State) -> None:
    """Takes the scale of each batch normalisation into the convolution before it, for TensorFlow's have none."""
    for name in [name for name in state if name.endswith("bn.weight")]:
        scale, unit = state.pop(name), name[: -len("bn.weight")]
        state[f"{unit}conv3d.weight"] = state[f"{unit}conv3d.weight"] * scale[:, None, None, None, None]
        state[f"{unit}bn.running_mean"] = state[f"{unit}bn.running_mean"] * scale


# ------------------------------------------------------------------------------------------------------------- the tool


def read_weights(path: Union[str, Path], trust: bool = False) -> dict[str, Any]:
    """A file of torch, or arrays by name in an ``.npz``.

    Raises:
        CheckpointError: The file is missing, damaged, unsafe, or TensorFlow's own.
    """
    path = Path(path).expanduser()
    if ".ckpt" in path.name:
        raise CheckpointError(
            f"{path} is TensorFlow's own; where TensorFlow is installed, write it as arrays and convert those:\n"
            "    python -c \"import numpy, tensorflow as tf; r = tf.train.load_checkpoint('model.ckpt'); "
            "numpy.savez('model.npz', **{n: r.get_tensor(n) for n in r.get_variable_to_shape_map()})\""
        )
    if path.suffix != ".npz":
        content = read_checkpoint(path, trust=trust)
        state = content["state_dict"]
        if isinstance(state, Mapping) and any(isinstance(value, np.ndarray) for value in state.values()):
            state = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in state.items()}
        return {**content, "state_dict": state}
    require_checkpoint(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {"state_dict": {name: torch.from_numpy(np.array(archive[name])) for name in archive.files}}
    except Exception as error:  # zipfile and NumPy raise whatever they stumble over
        raise CheckpointError(f"{path} is damaged, or holds Python objects instead of arrays") from error


def convert_video_checkpoint(
    src: Union[str, Path],
    dst: Union[str, Path],
    family: str,
    reverse: bool = False,
    form: Optional[str] = None,
    trust: bool = False,
    config: Optional[Config] = None,
    bn_eps: Optional[float] = None,
    variant: Optional[str] = None,
) -> Conversion:
    """Convert a file; nothing is written unless it is sound.

    Args:
        src: The file.
        dst: Where to write; ``.npz`` gives arrays by name.
        family: Key of ``VIDEO_FAMILIES``.
        reverse: From mmsync to the reference.
        form: As for :func:`to_video_reference`.
        trust: Let the file run code while it loads.
        config: As for :func:`from_video_reference`.
        bn_eps: As for :func:`describe`.
        variant: As for :func:`describe`.

    Raises:
        CheckpointError: A wrong or damaged file.
    """
    content, name = read_weights(src, trust), Path(src).name
    if not reverse:
        result = from_video_reference(content, family, name, config, bn_eps, variant)
    else:
        result = to_video_reference(content, family, name, form)
    if Path(dst).suffix != ".npz":
        write_checkpoint(result.checkpoint, dst)
        return result
    if not reverse:
        raise CheckpointError(f"{dst}: mmsync's checkpoints are torch files; name it .pth")
    state = weights_of({"state_dict": result.checkpoint}, name)[0]
    with atomic_path(dst) as temporary, temporary.open("wb") as file:
        np.savez(file, **{key: value.numpy() for key, value in state.items()})  # type: ignore[arg-type]
    return result


def video_converter(family: str) -> None:
    """The command line of a converter of video networks."""
    kind = VIDEO_FAMILIES[family]
    parser = converter_arguments(f"{kind.title} ({'; '.join(form.title for form in kind.forms.values())})")
    back = [key for key, form in kind.forms.items() if form.arrays != "images"]
    parser.add_argument("--form", choices=back, help="with --reverse: whose names (default: as the file came)")
    if family == "video_resnet":
        parser.add_argument("--bn-eps", type=float, help="1e-3 for files of VMZ; shapes tell it of R(2+1)D only")
        parser.add_argument("--variant", choices=["r3d", "mc3"], help="of a 2D ResNet: what to inflate it to")
    args = parser.parse_args()

    def main(args: argparse.Namespace) -> None:
        init_default_scope("mmsync")
        config = load(args.config) if args.config else None
        eps, variant = getattr(args, "bn_eps", None), getattr(args, "variant", None)
        result = convert_video_checkpoint(
            args.src, args.dst, family, args.reverse, args.form, args.trust_checkpoint, config, eps, variant
        )
        tell(result, args)

    run_tool(main, args)
