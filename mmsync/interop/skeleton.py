"""The part that the families of skeleton models share: backbones by their shapes, pretraining methods, last layers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Optional, Union

from mmsync.errors import CheckpointError
from mmsync.interop.family import BACKBONE, Family, Form, State, own_weights, shape

if TYPE_CHECKING:
    from mmengine.config import Config
    from torch import Tensor

    from mmsync.structures import SkeletonLayout

_LAYOUTS = {25: "ntu25", 20: "kinect20", 18: "openpose18", 17: "h36m17", 15: "sbu15", 13: "penn13"}
Layout = Union[str, Mapping, None]


class SkeletonFamily(Family):
    """Base of families of skeleton models; ``norm_eps`` is that of the transformers' layer norms."""

    norm_eps = 1e-5
    pool = dict(type="SkeletonPool", persons="mean")  # all references count absent persons
    momentum = True
    undetermined = "num_heads"
    options = {
        "layout": dict(help="skeleton layout (default: the usual one with that number of joints)"),
        "num_heads": dict(type=int, default=8, help="of a transformer; not determined by shapes (default: 8)"),
        "clip_len": dict(type=int, help="resample the time embeddings to this many frames"),
        "time_interpolation": dict(
            choices=["linear", "bicubic"],
            default="linear",
            help="for --clip-len; MAMP's code uses bicubic (default: linear)",
        ),
    }

    def first(self, state: State) -> State:
        """Weights of the model, or of the first of several alike, under the names of a single one."""
        return state

    def backbone(
        self, state: State, source: str, config: Optional[Config], layout: Layout = None, edges: Optional[str] = None,
        num_heads: int = 8, clip_len: Optional[int] = None, time_interpolation: str = "linear",
    ) -> dict[str, Any]:  # fmt: skip
        """Derive the config of the backbone from its weights; resample time embeddings to ``clip_len`` in place."""
        if clip_len is not None:
            _resample(state, clip_len, time_interpolation)
        wanted = {} if config is None else config.model.get("encoder", {}).get("backbone", {})
        layout, edges, own = (
            layout or wanted.get("layout"),
            edges or wanted.get("edges"),
            own_weights(self.first(state)),
        )
        if "gru.0.weight_hh_l0" in own:
            return _bigru(own, source, layout)
        if count_layers(own, "st_gcn_networks."):
            return _stgcn(own, source, layout, edges)
        for blocks, describe in (("blocks_st.", _dstformer), ("blocks.", _vit)):
            if count_layers(own, blocks):
                joints, dim = shape(own, "pos_embed", source)[-2:]
                name = find_layout(layout, joints, "pos_embed", source).name
                sizes = dict(layout=name, embed_dim=dim, depth=count_layers(own, blocks), num_heads=num_heads)
                found = dict(**describe(own, source, dim), **sizes, norm_eps=self.norm_eps)
                if describe is _vit and time_interpolation != "linear":
                    found["time_interpolation"] = time_interpolation
                return found
        raise CheckpointError(f"{source} holds neither an ST-GCN, nor a DSTformer, nor a vanilla transformer")

    def headless(self, state: State, encoder: dict[str, Any], source: str) -> dict[str, Any]:
        """Config of the pretraining method: HiCLR or AimCLR if the file has their projector, else SkeletonCLR."""
        layers = "encoder.projector.layers."
        state = self.first(state)
        depth = count_layers(state, layers)
        if not depth:
            return dict(type="SkeletonCLR", encoder=encoder)
        projector = dict(type="MLPProjector", num_layers=depth // 2 + 1)
        if depth > 1:
            projector["hidden_channels"] = shape(state, f"{layers}0.weight", source)[0]
        projector["out_channels"] = shape(state, f"{layers}{depth - 1}.bias", source)[0]
        queue_size = shape(state, "queue.keys", source)[1]
        method = "HiCLR" if "mask_value" in state else "AimCLR"
        return dict(type=method, encoder=dict(encoder, projector=projector), queue_size=queue_size)

    def adapt(self, state: State, aside: State, form: Form) -> dict[str, Any]:
        """Flatten last layers that are 1x1 convolutions."""
        convolutions = [name for name in _last_weights(state) if state[name].dim() == 4]
        state.update({name: state[name].flatten(1) for name in convolutions})
        return dict(fc="conv" if convolutions else "linear")

    def restore(
        self, state: State, aside: State, form: Form, origin: Mapping, source: str, fc: Optional[str] = None
    ) -> None:
        """Make the last layers of ST-GCN convolutions if ``fc`` is ``'conv'``, or ``None`` and the file had such."""
        stgcn = any("st_gcn_networks." in name for name in state)
        if not stgcn and any(".data_bn." in name for name in state):
            raise CheckpointError(f"{source}: {self.title} does not support data_norm=True in the backbone")
        if stgcn and (fc or origin.get("fc")) == "conv":
            state.update({name: state[name][:, :, None, None] for name in _last_weights(state)})


def _last_weights(state: State) -> list[str]:
    return [name for name in state if re.search(r"(projector\.layers\.\d|head\.fc)\.weight$", name)]


def count_layers(state: State, prefix: str) -> int:
    """Number of layers in a module list."""
    return 1 + max((int(k[len(prefix) :].split(".")[0]) for k in state if k.startswith(prefix)), default=-1)


def _stgcn(state: State, source: str, layout: Layout, edges: Optional[str]) -> dict[str, Any]:
    skeleton = find_layout(layout, shape(state, "A", source)[-1], "the graph A", source)
    check_graph(state["A"], skeleton, edges, source)
    last = count_layers(state, "st_gcn_networks.") - 1
    return dict(
        type="STGCN",
        layout=skeleton.name,
        in_channels=shape(state, "st_gcn_networks.0.gcn.conv.weight", source)[1],
        width=shape(state, "st_gcn_networks.0.tcn.2.weight", source)[0],
        out_channels=shape(state, f"st_gcn_networks.{last}.tcn.2.weight", source)[0],
        **({"edges": edges} if edges else {}),
        edge_importance=any(name.startswith("edge_importance") for name in state),
    )


def _bigru(state: State, source: str, layout: Layout) -> dict[str, Any]:
    """Of coordinates in space; both directions run forward."""
    numbers, hidden = shape(state, "gru.0.weight_ih_l0", source)[1], shape(state, "gru.0.weight_hh_l0", source)[1]
    from mmsync.structures import SkeletonLayout

    skeleton = SkeletonLayout.from_config(layout or "ntu25")
    persons, rest = divmod(numbers, 3 * skeleton.num_joints)
    if rest or not persons:
        find_layout(skeleton.name, numbers // 3, "the GRU's input", source)
    return dict(
        type="BiGRU",
        layout=skeleton.name,
        hidden_channels=hidden,
        num_layers=count_layers(state, "gru.") // 2,
        num_persons=persons,
        directions="forward",
        last_step=True,
        data_norm="data_bn.weight" in state,
    )


def _dstformer(state: State, source: str, dim: int) -> dict[str, Any]:
    return dict(
        type="DSTformer",
        in_channels=shape(state, "joints_embed.weight", source)[1],
        rep_dim=len(state.get("pre_logits.fc.weight", ())),
        mlp_ratio=shape(state, "blocks_st.0.mlp_s.fc1.weight", source)[0] / dim,
        max_len=shape(state, "temp_embed", source)[1],
        fusion="ts_attn.0.weight" in state,
        qkv_bias="blocks_st.0.attn_s.qkv.bias" in state,
    )


def _vit(state: State, source: str, dim: int) -> dict[str, Any]:
    channels, t_patch = shape(state, "joints_embed.proj.weight", source)[1:3]
    return dict(
        type="SkeletonViT",
        in_channels=channels,
        mlp_ratio=shape(state, "blocks.0.mlp.fc1.weight", source)[0] / dim,
        t_patch=t_patch,
        clip_len=shape(state, "temp_embed", source)[1] * t_patch,
        qkv_bias="blocks.0.attn.qkv.bias" in state,
    )


def find_layout(name: Layout, joints: int, what: str, source: str) -> SkeletonLayout:
    """The named layout, or the usual one for the ``joints`` of the weight ``what``, or a CheckpointError."""
    from mmsync.structures import SkeletonLayout

    matching = [n for n in SkeletonLayout.names() if SkeletonLayout.get(n).num_joints == joints]
    start = f"{source}: {what} is for {joints} joints"
    if name is None and joints not in _LAYOUTS:
        raise CheckpointError(f"{start}, and no usual layout has so many; give --layout")
    layout = SkeletonLayout.from_config(name or _LAYOUTS[joints])
    if layout.num_joints != joints:
        raise CheckpointError(
            f"{start}, but layout {layout.name} has {layout.num_joints} ({', '.join(layout.joints)}) and weights go "
            f"by their order; leave --layout out, or use one of {joints}: {', '.join(matching) or 'none'}"
        )
    return layout


def check_graph(graph: Tensor, layout: SkeletonLayout, edges: Optional[str], source: str) -> None:
    """Raise a CheckpointError if a graph ``(K, V, V)`` differs from the layout's; it names the right one if known."""
    import torch

    from mmsync.ops.graph import adjacency
    from mmsync.structures import SkeletonLayout

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


def _resample(state: State, clip_len: int, interpolation: str) -> None:
    """Resample all time embeddings to ``clip_len`` frames, in patches of as many frames as a token has."""
    from mmsync.ops.attention import time_embedding

    names = [name for name in state if name.endswith("temp_embed")]
    if not names:
        raise CheckpointError("--clip-len: this network has no time embeddings, it takes clips of any length")
    patch = state.get(f"{BACKBONE}joints_embed.proj.weight")
    for name in names:
        length = clip_len if patch is None else -(-clip_len // patch.shape[2])
        state[name] = time_embedding(state[name].float(), length, True, interpolation).to(state[name].dtype)
