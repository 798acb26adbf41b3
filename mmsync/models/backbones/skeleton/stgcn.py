"""ST-GCN (Yan et al., 2018, Spatial Temporal Graph Convolutional Networks)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Optional, Union, cast

import torch
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.backbones.base import SkeletonBackbone
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.ops.graph import adjacency
from mmsync.registry import BACKBONES, OptConfig
from mmsync.structures import FeatureMap, SkeletonLayout, View


class GraphConv(nn.Module):
    """Spatial graph convolution ``(P, C, T, V) -> (P, D, T, V)`` (eq. 10): ``sum_k W_k sum_v A_kvw x_v``.

    Joints are mixed before channels, which is cheaper where D > C.
    """

    def __init__(self, in_channels: int, out_channels: int, num_partitions: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels * num_partitions, 1)

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        """Convolve ``x (P, C, T, V)`` over ``graph (K, V, V)``, from joint (rows) to joint (columns)."""
        p, c, t, v = x.shape
        k = graph.shape[0]
        mixing = graph.permute(2, 0, 1).reshape(v * k, v)  # rows (w, k), so that the product is channels-last
        x = torch.matmul(mixing, x.permute(0, 2, 3, 1).reshape(p * t, v, c)).view(p * t * v, k * c)
        weight = self.conv.weight.view(k, -1, c).transpose(1, 2).reshape(k * c, -1)
        bias = torch.einsum("kd,kw->wd", cast(Tensor, self.conv.bias).view(k, -1), graph.sum(1))
        return torch.add((x @ weight).view(p, t, v, -1), bias).permute(0, 3, 1, 2)


class STGCNBlock(nn.Module):
    """Graph and temporal convolution and residual: ``(P, C, T, V) -> (P, D, ceil(T / stride), V)``."""

    def __init__(
        self, in_channels: int, out_channels: int, num_partitions: int, temporal_kernel: int = 9, stride: int = 1,
        dropout: float = 0.0, residual: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.gcn = GraphConv(in_channels, out_channels, num_partitions)
        self.tcn = nn.Sequential(
            BatchNorm(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, (temporal_kernel, 1), (stride, 1), (temporal_kernel // 2, 0)),
            BatchNorm(out_channels),
            nn.Dropout(dropout, inplace=True),
        )
        self.residual: Optional[nn.Module] = None
        if residual and in_channels == out_channels and stride == 1:
            self.residual = nn.Identity()
        elif residual:
            self.residual = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, (stride, 1)), BatchNorm(out_channels))

        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module is not self.gcn.conv:  # the memory format of their gradients
                module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        out = self.tcn(self.gcn(x, graph))
        if self.residual is not None:
            out = out + self.residual(x)
        return out.relu_()


@BACKBONES.register_module()
class STGCN(SkeletonBackbone):
    """ST-GCN: ``(P, T, V, C) -> (P, D, T', V)``; any layout, any T.

    ``width=64`` is the published network (3.1 M parameters on ntu25), ``width=16, out_channels=256`` the slim one of
    CrosSCLR and AimCLR. Parameter names are those of the public checkpoints.

    Cost per person and layer: ``T V C (K V + K D)`` multiplications in the graph convolution, ``9 T' V D^2`` in the
    temporal one; memory is that of the activations, channels-last throughout.

    Args:
        layout: Name or config of the skeleton layout.
        in_channels: Number of input channels C.
        width: Channels of the first blocks, 64 for ``None``; the ten blocks have 1, 1, 1, 1, 2, 2, 2, 4, 4 times it
            and D.
        out_channels: D; ``None`` is four times the width.
        channels: Channels of the blocks, the last being D; replaces ``width`` and ``out_channels``.
        strides: Temporal strides of the blocks; needed with ``channels``.
        temporal_kernel: Frames, odd.
        dropout: In all blocks but the first.
        strategy: Partitioning of the graph, see :func:`mmsync.ops.graph.adjacency`.
        max_hop: Neighborhood of the graph convolution, in bones.
        edges: Edge variant of the layout; ``None`` is its first.
        edge_importance: Whether each block has learned weights of the edges.
        data_norm: Whether to batch-normalize the input per joint and channel.
        init: ``'torch'`` keeps torch's initialization; ``'normal'`` draws weights from N(0, .02) and batch-norm weights
            from N(1, .02), as AimCLR's released code does.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: ``channels`` together with ``width`` or ``out_channels``, or without as many strides.
        LayoutError: Input of another layout or number of channels.
    """

    def __init__(
        self, layout: Union[str, dict, SkeletonLayout] = "ntu25", in_channels: int = 3, width: Optional[int] = None,
        out_channels: Optional[int] = None, channels: Optional[Sequence[int]] = None,
        strides: Optional[Sequence[int]] = None, temporal_kernel: int = 9, dropout: float = 0.5,
        strategy: Literal["uniform", "distance", "spatial", "directed"] = "spatial", max_hop: int = 1,
        edges: Optional[str] = None, edge_importance: bool = True, data_norm: bool = True,
        init: Literal["torch", "normal"] = "torch", init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        if channels is None:
            width = width or 64
            channels = [width] * 4 + [2 * width] * 3 + [4 * width] * 2 + [out_channels or 4 * width]
            strides = strides or [1, 1, 1, 1, 2, 1, 1, 2, 1, 1]
        elif width is not None or out_channels is not None:
            raise ConfigError(f"STGCN: give either {channels=}, or {width=} and {out_channels=}")
        if not channels or strides is None or len(strides) != len(channels):
            raise ConfigError(f"STGCN: channels={list(channels)} need as many strides, got {strides}")
        super().__init__(layout, in_channels, channels[-1], init_cfg)
        layout = self.layout
        graph = adjacency(layout.num_joints, layout.edge_list(edges), layout.center, strategy, max_hop).float()
        self.register_buffer("A", graph)
        self.data_bn = BatchNorm(in_channels * layout.num_joints) if data_norm else nn.Identity()
        self.first_blocks = next((i for i, c in enumerate(channels) if c != channels[0]), len(channels))
        self.st_gcn_networks = nn.ModuleList(
            STGCNBlock(c, d, len(graph), temporal_kernel, stride, dropout if i else 0.0, residual=i > 0)
            for i, (c, d, stride) in enumerate(zip([in_channels, *channels], channels, strides))
        )
        self.edge_importance: Union[nn.ParameterList, list[int]] = [1] * len(channels)
        if edge_importance:
            self.edge_importance = nn.ParameterList(nn.Parameter(torch.ones_like(graph)) for _ in channels)
        self.init = init
        self._masked: Optional[Tensor] = None

    def init_weights(self) -> None:
        """Initialize as ``init`` specifies, then by ``init_cfg``."""
        if self.init == "normal":
            for module in self.modules():
                if isinstance(module, (nn.Conv2d, nn.Linear)):
                    nn.init.normal_(module.weight, 0.0, 0.02)
                    nn.init.zeros_(cast(Tensor, module.bias))
                elif isinstance(module, BatchNorm):
                    nn.init.normal_(module.weight, 1.0, 0.02)
                    nn.init.zeros_(module.bias)
        super().init_weights()

    def get_layer_depth(self, param_name: str) -> tuple[int, int]:
        """Layer of a parameter for layer-wise rates, 0 for the input's norm; and the number of layers."""
        total = len(self.st_gcn_networks) + 2
        part, _, rest = param_name.partition(".")
        return (int(rest.split(".")[0]) + 1 if part in ("st_gcn_networks", "edge_importance") else 0), total

    def forward_rows(self, x: Tensor) -> Tensor:
        self.check_input(x)
        x = self.data_bn(x.reshape(-1, x.shape[2] * x.shape[3])).view(x.shape).permute(0, 3, 1, 2)
        layers = [(block, self.A * weight) for block, weight in zip(self.st_gcn_networks, self.edge_importance)]
        if self._masked is not None:
            x = self._forward_first(x, layers[: self.first_blocks], self._masked)
            layers = layers[self.first_blocks :]
        for block, graph in layers:
            x = block(x, graph)
        return x

    def forward_without(self, view: View, joints: Tensor, skip_absent: bool = True) -> FeatureMap:
        """Feature map of a view; the blocks of the first width compute the graph without ``joints (J,)``, int64.

        There these joints neither send nor receive, and enter no statistics but those of the input. Later blocks see
        zeros in their places, and fill them from their neighbors.
        """
        self._masked = joints
        try:
            return self(view, skip_absent)
        finally:
            self._masked = None

    def _forward_first(self, x: Tensor, layers: Sequence[tuple[nn.Module, Tensor]], masked: Tensor) -> Tensor:
        """The first blocks on the joints that are left: ``(P, C, T, V)`` to ``(P, D, T', V)``, zero elsewhere."""
        joints = x.shape[3]
        kept = torch.tensor(sorted(set(range(joints)) - set(masked.tolist())), device=x.device)
        x = x.permute(0, 2, 3, 1).index_select(2, kept).permute(0, 3, 1, 2)
        for block, graph in layers:
            x = block(x, graph[:, kept][:, :, kept])
        rows = x.permute(0, 2, 3, 1)
        out = rows.new_zeros(*rows.shape[:2], joints, rows.shape[3])
        return out.index_copy(2, kept, rows).permute(0, 3, 1, 2)
