"""Checkpoints of other projects as mmsync's, and back (docs/design/0014-converters.md).

What a file is, its *form*, is told by its names; a form is a table of name prefixes that is read in either direction.
The network is read off the shapes, built without memory, and compared with the renamed weights, so that a wrong file
cannot pass.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from mmsync.apis.cli import run_tool
from mmsync.config import load
from mmsync.engine.checkpoint import StateMatch, match_state, read_checkpoint, write_checkpoint
from mmsync.errors import CheckpointError
from mmsync.fileio import atomic_path
from mmsync.models.modules.transformer import time_embedding
from mmsync.ops.graph import adjacency
from mmsync.registry import MODELS
from mmsync.structures import SkeletonLayout

MIN_BACKBONE = 0.9
"""Least share of the backbone's tensors that a file must have."""

State = dict[str, Tensor]
Rules = Sequence[tuple[str, Optional[str]]]

# -------------------------------------------------------------------------------------------------- families and forms


class Form(NamedTuple):
    """What a file can be.

    Attributes:
        title: For people.
        theirs: Prefixes that all occur among the reference's names.
        ours: Prefixes that all occur among mmsync's names; empty if only the file's origin tells.
        rules: Prefix of the reference -> prefix of mmsync, the first that fits; ``None``: no place in mmsync, kept
            aside for the way back. ``<fc>`` stands for the last layers, see :func:`_last_layers`.
        container: Entry of the file that holds the weights.
        module: Whether the released files have the prefix ``module.``.
    """

    title: str
    theirs: tuple[str, ...]
    ours: tuple[str, ...]
    rules: Rules
    container: Optional[str] = None
    module: bool = False


class Family(NamedTuple):
    """Files of one project.

    Attributes:
        title: For people.
        tool: The script that converts them.
        forms: What they can be, the most special first.
        norm_eps: Of the transformers' layer norms.
        configs: Backbone -> shipped config to pair with.
    """

    title: str
    tool: str
    forms: dict[str, Form]
    norm_eps: float
    configs: dict[str, str]


_MOCO: Rules = (
    ("queue_ptr", "queue.pointer"),
    ("queue", "queue.keys"),
    ("encoder_q.<fc>", "encoder.projector.layers.<fc>"),
    ("encoder_k.<fc>", "key_encoder.module.projector.layers.<fc>"),
    ("encoder_q.", "encoder.backbone."),
    ("encoder_k.", "key_encoder.module.backbone."),
)
_BACKBONE = "encoder.backbone."

FAMILIES: dict[str, Family] = {
    "aimclr": Family(
        "AimCLR, SkeletonCLR, MBAimCLR or TransCLR",
        "aimclr_to_mmsync.py",
        {
            "pretraining": Form("pretraining", ("encoder_q.", "encoder_k.", "queue"), ("queue.keys",), _MOCO),
            "action": Form(
                "evaluation by an action head",
                ("encoder_q.", "actionHead."),
                (_BACKBONE, "head.fc1."),
                (("actionHead.", "head."), ("encoder_q.head.", None), ("encoder_q.", _BACKBONE)),
            ),
            "linear": Form(
                "linear evaluation",
                ("encoder_q.",),
                (_BACKBONE, "head.fc."),
                (("encoder_q.<fc>", "head.fc."), ("encoder_q.", _BACKBONE)),
            ),
            "network": Form(
                "a network by itself", ("st_gcn_networks.",), (), (("fc.", "head.fc."), ("", _BACKBONE))
            ),
        },
        norm_eps=1e-5,
        configs={
            "STGCN": "configs/aimclr/reference/aimclr_stgcn_ntu60_xsub.py",
            "DSTformer": "configs/mbaimclr/mbaimclr_dstformer_ntu60_xsub.py",
            "SkeletonViT": "configs/mbaimclr/mbaimclr_vit_ntu60_xsub.py",
        },
    ),
    "motionbert": Family(
        "MotionBERT",
        "motionbert_to_mmsync.py",
        {
            "action": Form(
                "ActionNet, action recognition",
                ("backbone.blocks_st.", "head.fc2."),
                (_BACKBONE, "head.fc1."),
                (("backbone.head.", None), ("backbone.", _BACKBONE), ("head.", "head.")),
                "model",
                True,
            ),
            "embed": Form(
                "ActionNet, one-shot embedding",
                ("backbone.blocks_st.", "head.fc1."),
                (),
                (("backbone.head.", None), ("head.", None), ("backbone.", _BACKBONE)),
                "model",
                True,
            ),
            "pose": Form(
                "DSTformer",
                ("blocks_st.",),
                (_BACKBONE,),
                (("head.", None), ("", _BACKBONE)),
                "model_pos",
                True,
            ),
        },
        norm_eps=1e-6,
        configs={"DSTformer": "configs/aimclr/aimclr_dstformer_ntu60_xsub.py"},
    ),
    "mamp": Family(
        "MAMP or SkeletonMAE",
        "mamp_to_mmsync.py",
        {
            "finetune": Form(
                "finetuning", ("blocks.", "head.fc1."), (_BACKBONE, "head.fc1."),
                (("head.", "head."), ("", _BACKBONE)), "model",
            ),
            "linprobe_bn": Form(
                "linear probe behind a batch norm", ("blocks.", "head.fc.0.", "head.fc.1."), (),
                (("head.fc.1.", "head.fc."), ("head.fc.0.", None), ("", _BACKBONE)), "model",
            ),
            "linprobe": Form(
                "linear probe", ("blocks.", "head.fc."), (_BACKBONE, "head.fc."),
                (("head.fc.", "head.fc."), ("", _BACKBONE)), "model",
            ),
            "pretraining": Form(
                "pretraining", ("blocks.",), (_BACKBONE,),
                (("decoder_", None), ("mask_token", None), ("", _BACKBONE)), "model",
            ),
        },
        norm_eps=1e-5,
        configs={"SkeletonViT": "configs/aimclr/aimclr_vit_ntu60_xsub.py"},
    ),
}  # fmt: skip


def detect(names: Sequence[str], family: str, ours: bool = False) -> Optional[str]:
    """The form of a file by the names of its weights, reference's or mmsync's; ``None`` if it is of another family."""
    for key, form in FAMILIES[family].forms.items():
        marks = form.ours if ours else form.theirs
        if marks and all(any(name.startswith(mark) for name in names) for mark in marks):
            return key
    return None


def _last_layers(names: Sequence[str]) -> tuple[str, str]:
    """What ``<fc>`` stands for on either side: ST-GCN has ``fc``, transformers ``head``; a single layer no number."""
    head = "fc." if any("st_gcn_networks." in name for name in names) else "head."
    several = any(re.search(r"(fc|head|layers)\.[1-9]\.(weight|bias)$", name) for name in names)
    return head, "" if several else "0."


def _fits(name: str, prefix: str) -> bool:
    """Whether a rule's prefix, which ends with a dot or underscore or is a whole name, fits."""
    return name == prefix or (name.startswith(prefix) and prefix[-1:] in ("", ".", "_"))


def rename(state: Mapping[str, Any], rules: Rules, back: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    """Rename by the first rule whose prefix fits.

    Args:
        state: Names and anything.
        rules: Of a :class:`Form`.
        back: From mmsync's names to the reference's.

    Returns:
        What got a new name, and what has no place.
    """
    head, single = _last_layers(list(state))
    pairs = [
        (theirs.replace("<fc>", head), ours if ours is None else ours.replace("<fc>", single)) for theirs, ours in rules
    ]
    if back:
        pairs = [(ours, theirs) for theirs, ours in pairs if ours is not None]
    renamed, rest = {}, {}
    for name, value in state.items():
        old, new = next((pair for pair in pairs if _fits(name, pair[0])), (name, None))
        if new is None:
            rest[name] = value
        else:
            renamed[new + name[len(old) :]] = value
    return renamed, rest


# ------------------------------------------------------------------------------------------ the network by its shapes

_LAYOUTS = {25: "ntu25", 20: "kinect20", 18: "openpose18", 17: "h36m17", 15: "sbu15", 13: "penn13"}


def _shape(state: Mapping[str, Tensor], name: str, source: str) -> torch.Size:
    if name not in state:
        raise CheckpointError(f"{source}: the network cannot be told, because it has no {name}; the file is incomplete")
    return state[name].shape


def _count(state: Mapping[str, Tensor], prefix: str) -> int:
    """Layers of a list."""
    return 1 + max((int(k[len(prefix) :].split(".")[0]) for k in state if k.startswith(prefix)), default=-1)


def describe_backbone(
    state: Mapping[str, Tensor],
    source: str = "checkpoint",
    layout: Union[str, Mapping, None] = None,
    edges: Optional[str] = None,
    num_heads: int = 8,
    norm_eps: float = 1e-5,
) -> dict[str, Any]:
    """The config of the backbone that some weights belong to.

    Args:
        state: Its weights under the reference's names, which are mmsync's.
        source: Where they come from, for messages.
        layout: Skeleton layout; ``None`` for the usual one with that number of joints.
        edges: Edge variant of the layout (ST-GCN).
        num_heads: Shapes do not tell; 8 in all published networks.
        norm_eps: Of the transformers' layer norms; shapes do not tell.

    Raises:
        CheckpointError: No network of ours, or another number of joints, or another graph than the layout's.
    """

    def shape(name: str) -> torch.Size:
        return _shape(state, name, source)

    if _count(state, "st_gcn_networks."):
        skeleton = _layout(layout, shape("A")[-1], "the graph A", source)
        check_graph(state["A"], skeleton, edges, source)
        last = _count(state, "st_gcn_networks.") - 1
        width, out = shape("st_gcn_networks.0.tcn.2.weight")[0], shape(f"st_gcn_networks.{last}.tcn.2.weight")[0]
        return dict(
            type="STGCN",
            layout=skeleton.name,
            in_channels=shape("st_gcn_networks.0.gcn.conv.weight")[1],
            width=width,
            out_channels=out,
            **({"edges": edges} if edges else {}),
            edge_importance=any(name.startswith("edge_importance") for name in state),
        )
    transformer: dict[str, Any] = dict(num_heads=num_heads, norm_eps=norm_eps)
    if _count(state, "blocks_st."):
        joints, dim = shape("pos_embed")[-2:]
        return dict(
            type="DSTformer",
            layout=_layout(layout, joints, "pos_embed", source).name,
            in_channels=shape("joints_embed.weight")[1],
            embed_dim=dim,
            rep_dim=state["pre_logits.fc.weight"].shape[0] if "pre_logits.fc.weight" in state else 0,
            depth=_count(state, "blocks_st."),
            mlp_ratio=shape("blocks_st.0.mlp_s.fc1.weight")[0] / dim,
            max_len=shape("temp_embed")[1],
            fusion="ts_attn.0.weight" in state,
            qkv_bias="blocks_st.0.attn_s.qkv.bias" in state,
            **transformer,
        )
    if _count(state, "blocks."):
        joints, dim = shape("pos_embed")[-2:]
        channels, t_patch = shape("joints_embed.proj.weight")[1:3]
        return dict(
            type="SkeletonViT",
            layout=_layout(layout, joints, "pos_embed", source).name,
            in_channels=channels,
            embed_dim=dim,
            depth=_count(state, "blocks."),
            mlp_ratio=shape("blocks.0.mlp.fc1.weight")[0] / dim,
            t_patch=t_patch,
            clip_len=shape("temp_embed")[1] * t_patch,
            qkv_bias="blocks.0.attn.qkv.bias" in state,
            **transformer,
        )
    raise CheckpointError(f"{source} holds neither an ST-GCN, nor a DSTformer, nor a vanilla transformer")


def _layout(name: Union[str, Mapping, None], joints: int, what: str, source: str) -> SkeletonLayout:
    """The layout named, or the usual one; it has to have as many joints as the weights."""
    fitting = [n for n in SkeletonLayout.names() if SkeletonLayout.get(n).num_joints == joints]
    if name is None and joints not in _LAYOUTS:
        raise CheckpointError(
            f"{source}: {what} is for {joints} joints, and no usual layout has so many; give --layout"
        )
    layout = SkeletonLayout.from_config(name or _LAYOUTS[joints])
    if layout.num_joints != joints:
        raise CheckpointError(
            f"{source}: {what} is for {joints} joints, but layout {layout.name} has {layout.num_joints} "
            f"({', '.join(layout.joints)}). What is learnt for each joint goes with the order of the joints and cannot "
            f"be resampled: leave --layout out, or name one of {joints} joints ({', '.join(fitting) or 'none'})"
            " and remap the data to it with the transform RemapSkeleton"
        )
    return layout


def check_graph(graph: Tensor, layout: SkeletonLayout, edges: Optional[str], source: str) -> None:
    """Compare a file's graph with the one that mmsync computes.

    Args:
        graph: ``(K, V, V)``.
        layout: The layout that the network is taken to be for.
        edges: Its edge variant; ``None`` is its first.
        source: Where the graph comes from, for messages.

    Raises:
        CheckpointError: They differ, so another edge layout was used; the message names it if it is known.
    """

    def equals(layout: SkeletonLayout, edges: Optional[str], strategy: str, max_hop: int) -> bool:
        own = adjacency(layout.num_joints, layout.edge_list(edges), layout.center, strategy, max_hop)
        return own.shape == graph.shape and torch.allclose(own, graph.double().cpu(), atol=1e-5)

    if equals(layout, edges, "spatial", 1):
        return
    known = [
        f"--layout {other.name} --edges {variant}"
        + ("" if how == ("spatial", 1) else f" with {how[0]}, max_hop={how[1]}")
        for other in map(SkeletonLayout.get, SkeletonLayout.names())
        if other.num_joints == graph.shape[-1]
        for variant in other.edges
        for how in (("spatial", 1), ("spatial", 2), ("uniform", 1), ("distance", 1))
        if equals(other, variant, *how)
    ]
    raise CheckpointError(
        f"{source}: the graph A differs from that of layout {layout.name} with edges "
        f"{edges or next(iter(layout.edges))!r}: another edge layout was used. "
        + (f"It is that of {' or '.join(known)}" if known else "It is that of no layout known here")
    )


# ------------------------------------------------------------------------------------------------------- the conversion


class Conversion(NamedTuple):
    """What a conversion gives.

    Attributes:
        checkpoint: What to write.
        title: What the source is.
        match: How its weights fit the model (or, on the way back, what was written).
        unused: Names that have no place on the other side.
        model: Config of the model; ``None`` on the way back.
        pair: Config file that it was compared with, if one was given.
    """

    checkpoint: dict[str, Any]
    title: str
    match: StateMatch
    unused: list[str]
    model: Optional[dict[str, Any]] = None
    pair: Optional[str] = None

    def report(self) -> str:
        """Table of what matched, what is unused, and the model to pair with."""
        lines = [self.title, self.match.table()]
        if self.unused:
            lines += [f"{len(self.unused)} without a place on the other side: {', '.join(_groups(self.unused))}"]
        if self.pair is not None:
            lines.append(f"Pair it with {self.pair}")
        elif self.model is not None:
            family = FAMILIES.get(self.checkpoint["meta"]["origin"]["family"])
            shipped = family and family.configs.get(self.model["encoder"]["backbone"]["type"])
            untold = " (shapes do not tell num_heads)" if family else ""
            lines += [
                f"Pair it with {shipped} or one like it, with this encoder{untold}:"
                if shipped
                else f"Pair it with a config of this encoder{untold}:",
                Config(dict(model=self.model)).pretty_text.strip(),
            ]
        return "\n".join(lines)


def _groups(names: Sequence[str]) -> list[str]:
    """Names by their first words, with counts: ``decoder_blocks.* (36)``."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(re.sub(r"\.(\d+|[^.]*$).*", "", name), []).append(name)
    return [part[0] if len(part) == 1 else f"{head}.* ({len(part)})" for head, part in groups.items()]


def weights_of(content: Mapping[str, Any], source: str) -> tuple[State, Optional[str], bool]:
    """The weights of a file, its entry that held them, and whether ``module.`` stood before their names."""
    state, container = content["state_dict"], "state_dict" if len(content) > 1 else None
    for entry in ("state_dict", "model_pos", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(entry), Mapping):
            state, container = state[entry], entry
    tensors = {str(k): v for k, v in state.items() if isinstance(v, Tensor)} if isinstance(state, Mapping) else {}
    if not tensors:
        raise CheckpointError(f"{source} holds no weights, only {', '.join(map(str, list(content['state_dict'])[:8]))}")
    module = all(name.startswith("module.") for name in tensors)
    return ({k[7:]: v for k, v in tensors.items()} if module else tensors), container, module


def _model(state: State, backbone: dict[str, Any], source: str) -> dict[str, Any]:
    """Config of the model that weights under mmsync's names belong to."""
    encoder: dict[str, Any] = dict(
        type="Encoder",
        backbone=backbone,
        pool=dict(type="SkeletonPool", persons="mean"),  # as all references count
    )
    if any(name.startswith("head.") for name in state):
        if "head.fc1.weight" in state:
            head = dict(type="ActionHead", hidden_channels=state["head.fc1.weight"].shape[0])
            return dict(type="Classifier", encoder=encoder, head={**head, **_classes(state, "head.fc2.")})
        return dict(type="Classifier", encoder=encoder, head=dict(type="LinearHead", **_classes(state, "head.fc.")))
    layers = "encoder.projector.layers."
    depth = _count(state, layers)
    if not depth:
        return dict(type="SkeletonCLR", encoder=encoder)
    projector = dict(type="MLPProjector", num_layers=depth // 2 + 1)
    if depth > 1:
        projector["hidden_channels"] = _shape(state, f"{layers}0.weight", source)[0]
    projector["out_channels"] = _shape(state, f"{layers}{depth - 1}.bias", source)[0]
    queue = _shape(state, "queue.keys", source)
    return dict(type="AimCLR", encoder=dict(encoder, projector=projector), queue_size=queue[1])


def _classes(state: State, layer: str) -> dict[str, int]:
    return {"num_classes": state[f"{layer}bias"].shape[0]} if f"{layer}bias" in state else {}


def from_reference(
    content: Mapping[str, Any],
    family: str,
    source: str = "checkpoint",
    layout: Optional[str] = None,
    edges: Optional[str] = None,
    num_heads: int = 8,
    clip_len: Optional[int] = None,
    config: Optional[Config] = None,
) -> Conversion:
    """A checkpoint of another project as one of mmsync.

    Weights of pretraining come out as those of ``SkeletonCLR`` or ``AimCLR``, with both encoders; those with a
    classifier as those of ``Classifier``. What has no place is kept in the entry ``reference_only`` for the way
    back.

    Args:
        content: As :func:`~mmsync.engine.checkpoint.read_checkpoint` gives it.
        family: Key of ``FAMILIES``.
        source: Name of the file, for messages.
        layout: Skeleton layout; ``None`` for the config's, or the usual one with that number of joints.
        edges: Edge variant of the layout, for ST-GCN.
        num_heads: Of a transformer.
        clip_len: Frames to resample the time embeddings to; ``None`` leaves them.
        config: Compare with its model instead of the one that the shapes tell, and keep it in the checkpoint.

    Raises:
        CheckpointError: A file of another family, incomplete, or for other joints or another graph.
    """
    theirs, container, module = weights_of(content, source)
    kind = FAMILIES[family]
    key = detect(list(theirs), family)
    if key is None:
        other = [
            f"{f.title} (tools/model_converters/{f.tool})" for name, f in FAMILIES.items() if detect(list(theirs), name)
        ]
        mmsync = detect(list(theirs), family, ours=True) and "mmsync (--reverse)"
        hint = (
            "; it looks like one of " + " or ".join([*other, *([mmsync] if mmsync else [])]) if other or mmsync else ""
        )
        raise CheckpointError(
            f"{source} is no checkpoint of {kind.title}: none of its forms fits its {len(theirs)} names, the first of "
            f"them {', '.join(list(theirs)[:3])}{hint}"
        )
    state, unused = rename(theirs, kind.forms[key].rules)
    fc = "linear"
    for name, value in state.items():
        if value.dim() == 4 and re.search(r"(projector\.layers\.\d|head\.fc)\.weight$", name):
            state[name], fc = value.flatten(1), "conv"
    if "head.fc.0.running_var" in unused:
        _move_norm(state, unused, into_linear=True)

    if clip_len is not None:
        _resample(state, clip_len)
    own = {name[len(_BACKBONE) :]: value for name, value in state.items() if name.startswith(_BACKBONE)}
    if config is not None:
        wanted = config.model.get("encoder", {}).get("backbone", {})
        layout, edges = layout or wanted.get("layout"), edges or wanted.get("edges")
    backbone = describe_backbone(own, source, layout, edges, num_heads, kind.norm_eps)
    model = _model(state, backbone, source) if config is None else config.model
    match = _match(state, model, source)
    if not any(name.startswith(("key_encoder.", "head.")) for name in state):  # the key encoder is a copy
        state.update({f"key_encoder.module.backbone.{name}": value for name, value in own.items()})
    origin = dict(family=family, form=key, file=source, container=container, module=module, fc=fc)
    checkpoint = dict(state_dict=state, meta=dict(origin=origin), reference_only=unused)
    if config is not None:
        checkpoint["meta"]["cfg"] = config.pretty_text
    title, pair = f"{source}: {kind.title}, {kind.forms[key].title}", config and config.filename
    return Conversion(checkpoint, title, match, list(unused), model, pair)


def to_reference(
    content: Mapping[str, Any], family: str, source: str = "checkpoint", fc: Optional[str] = None
) -> Conversion:
    """The way back: a checkpoint of mmsync, converted or trained, as one of another project.

    Args:
        content: As :func:`~mmsync.engine.checkpoint.read_checkpoint` gives it.
        family: Key of ``FAMILIES``.
        source: Name of the file, for messages.
        fc: Form of ST-GCN's last layers: ``'linear'`` as AimCLR, ``'conv'`` as ActCLR and the public files; ``None`` as
            the file came.

    Raises:
        CheckpointError: The reference has no such network.
    """
    kind, state = FAMILIES[family], dict(content["state_dict"])
    origin = content.get("meta", {}).get("origin") or {}
    if origin.get("family") != family:
        origin = {}
    key = origin.get("form") or detect(list(state), family, ours=True)
    form = kind.forms.get(key or "")
    renamed, unused = rename(state, form.rules, back=True) if form else ({}, state)
    aside = content.get("reference_only") or {}
    if form is None or not all(any(name.startswith(mark) for name in (*renamed, *aside)) for mark in form.theirs):
        raise CheckpointError(
            f"{source}: {kind.title} has no file for a checkpoint with {', '.join(_groups(list(state)))}"
        )
    if any("data_bn." in name for name in renamed) and not any("st_gcn_networks." in name for name in renamed):
        raise CheckpointError(
            f"{source}: the backbone normalises its input (data_norm=True), and {kind.title} has no place for that"
        )
    if "head.fc.0.running_var" in aside:
        _move_norm(renamed, aside, into_linear=False)
    if (fc or origin.get("fc")) == "conv":
        for name in [n for n in renamed if re.search(r"(^|\.)fc\.(\d\.)?weight$", n)]:
            renamed[name] = renamed[name][:, :, None, None]
    renamed.update(aside)
    if origin.get("module", form.module):
        renamed = {f"module.{name}": value for name, value in renamed.items()}
    container = origin["container"] if origin else form.container
    encoders = tuple(ours for _, ours in form.rules if ours and ours.endswith("backbone."))
    backbone = [name for name in state if name.startswith(encoders)]
    match = StateMatch(list(renamed), [], [], [], sum(name not in unused for name in backbone) / max(len(backbone), 1))
    title = f"{source}: as {kind.title}, {form.title}"
    return Conversion({container: renamed} if container else renamed, title, match, list(unused))


def _match(state: State, model: Mapping[str, Any], source: str) -> StateMatch:
    """How weights fit a model, built without memory; of a method made for a bare encoder only that is looked at."""
    with torch.device("meta"):
        network: nn.Module = MODELS.build(model)
    if "queue.keys" not in state and hasattr(network, "key_encoder"):
        network = nn.ModuleDict({"encoder": network.encoder})
    adapted = network.adapt_state_dict(state) if hasattr(network, "adapt_state_dict") else state
    match = match_state(network, adapted)
    if match.backbone < MIN_BACKBONE:
        raise CheckpointError(
            f"{source}: only {match.backbone:.0%} of the backbone's weights fit, at least {MIN_BACKBONE:.0%} must; "
            f"nothing was written. {match.table()}"
        )
    return match


def _resample(state: State, clip_len: int) -> None:
    """Resample all time embeddings to ``clip_len`` frames, in patches of as many frames as a token has."""
    names = [name for name in state if name.endswith("temp_embed")]
    if not names:
        raise CheckpointError("--clip-len: this network has no time embeddings, it takes clips of any length")
    for name in names:
        patch = state.get(name.replace("temp_embed", "joints_embed.proj.weight"))
        length = clip_len if patch is None else -(-clip_len // patch.shape[2])
        state[name] = time_embedding(state[name].float(), length, resize=True).to(state[name].dtype)


def _move_norm(linear: State, norm: Mapping[str, Tensor], into_linear: bool) -> None:
    """Take a batch norm without weights (eps 1e-6) into the linear layer behind it, or out of it again."""
    weight, bias = ("head.fc.weight", "head.fc.bias") if into_linear else ("head.fc.1.weight", "head.fc.1.bias")
    mean = norm["head.fc.0.running_mean"].double()
    std = (norm["head.fc.0.running_var"].double() + 1e-6).sqrt()
    w, b, dtype = linear[weight].double(), linear[bias].double(), linear[weight].dtype
    scaled = w / std if into_linear else w * std
    shift = scaled @ mean if into_linear else -(w @ mean)
    linear[weight], linear[bias] = scaled.to(dtype), (b - shift).to(dtype)


# ------------------------------------------------------------------------------------------------------------- the tool


def convert_checkpoint(
    src: Union[str, Path],
    dst: Union[str, Path],
    family: str,
    reverse: bool = False,
    fc: Optional[str] = None,
    trust: bool = False,
    **options: Any,
) -> Conversion:
    """Convert a file; nothing is written unless it is sound.

    Args:
        src: The file.
        dst: Where to write.
        family: Key of ``FAMILIES``.
        reverse: From mmsync to the reference.
        fc: As for :func:`to_reference`.
        trust: Let the file run code while it loads.
        options: Of :func:`from_reference`.

    Raises:
        CheckpointError: A wrong or damaged file.
    """
    content = read_checkpoint(src, trust=trust)
    if reverse:
        result = to_reference(content, family, Path(src).name, fc)
    else:
        result = from_reference(content, family, Path(src).name, **options)
    write_checkpoint(result.checkpoint, dst)
    return result


def converter_arguments(title: str) -> argparse.ArgumentParser:
    """The command line that all converters have: ``SRC DST [--reverse]``."""
    parser = argparse.ArgumentParser(description=f"Checkpoints of {title} as mmsync's, and back.")
    parser.add_argument("src", help="checkpoint to read")
    parser.add_argument("dst", help="checkpoint to write")
    parser.add_argument("--reverse", action="store_true", help="from mmsync to the reference")
    parser.add_argument("--config", help="compare with this config's model, and keep the config in the checkpoint")
    parser.add_argument("--dump-config", help="write a config of the model as well, for init_model")
    parser.add_argument("--trust-checkpoint", action="store_true", help="let the file run code while it loads")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def tell(result: Conversion, args: argparse.Namespace) -> None:
    """Print what was written, and write the model's config if asked."""
    print(result.report())
    print(f"wrote {args.dst}")
    if args.dump_config and result.model is not None:
        with atomic_path(args.dump_config) as temporary:
            Config(dict(default_scope="mmsync", model=result.model)).dump(temporary)


def converter(family: str) -> None:
    """The command line of a converter of skeleton models."""
    kind = FAMILIES[family]
    parser = converter_arguments(f"{kind.title} ({'; '.join(form.title for form in kind.forms.values())})")
    parser.add_argument("--layout", help="skeleton layout (default: the usual one with that number of joints)")
    if family == "aimclr":
        parser.add_argument("--edges", help="edge variant of the layout (default: its first)")
        parser.add_argument("--fc", choices=["linear", "conv"], help="with --reverse: form of ST-GCN's last layers")
    parser.add_argument("--num-heads", type=int, default=8, help="of a transformer; shapes do not tell it (default: 8)")
    parser.add_argument("--clip-len", type=int, help="resample the time embeddings to this many frames")
    args = parser.parse_args()

    def main(args: argparse.Namespace) -> None:
        init_default_scope("mmsync")
        options: dict[str, Any] = {}
        if not args.reverse:
            options = dict(layout=args.layout, num_heads=args.num_heads, clip_len=args.clip_len)
            options.update(edges=getattr(args, "edges", None), config=load(args.config) if args.config else None)
        result = convert_checkpoint(
            args.src, args.dst, family, args.reverse, getattr(args, "fc", None), args.trust_checkpoint, **options
        )
        tell(result, args)

    run_tool(main, args)
