"""Base class of transformer backbones: checks, input norm, graph stem, initialization and layer numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Optional, Union

from mmengine.logging import print_log
from torch import Tensor, nn

from mmsync.errors import ConfigError, unwritten
from mmsync.models.backbones.base import SkeletonBackbone
from mmsync.models.backbones.skeleton.stgcn import STGCN
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.models.modules.transformer import recompute
from mmsync.ops.attention import time_embedding
from mmsync.registry import OptConfig
from mmsync.structures import SkeletonLayout


class SkeletonTransformer(SkeletonBackbone):
    """Base of transformer backbones; a subclass creates ``pos_embed``, ``temp_embed`` and its blocks.

    It writes :meth:`tokens` and, unless it has ``blocks``, ``norm`` and ``with_cp``, :meth:`encode`, with which masked
    prediction encodes only visible tokens; a token shows ``token_frames`` frames of a joint. ``sizes`` have to be at
    least 1, and ``num_heads`` a divisor of ``embed_dim``, or a ConfigError says so; ``stem`` holds ``channels``,
    ``strides`` and ``temporal_kernel`` of an ST-GCN in front of the tokens.
    """

    config_schema: ClassVar[dict] = {
        "stem": {"channels": Sequence[int], "strides": Sequence[int], "temporal_kernel": int}
    }
    blocks: nn.ModuleList
    norm: nn.LayerNorm
    init: str
    with_cp: bool
    time_interpolation: str = "linear"
    token_frames: int = 1
    num_places: int  # V' of the tokens, joints unless a subclass sets it
    _warned = False

    def __init__(
        self, layout: Union[str, dict, SkeletonLayout], in_channels: int, out_channels: int, sizes: dict[str, int],
        data_norm: bool, stem: OptConfig, init_cfg: OptConfig,
    ) -> None:  # fmt: skip
        dim, heads = sizes["embed_dim"], sizes["num_heads"]
        if min(sizes.values()) < 1 or dim % heads:
            given = ", ".join(f"{name}={value}" for name, value in sizes.items())
            raise ConfigError(f"{type(self).__name__}: {given}; give at least 1, and num_heads that divide embed_dim")
        super().__init__(layout, in_channels, out_channels, init_cfg)
        self.depth, self.token_dim = sizes["depth"], dim
        self.data_bn = BatchNorm(in_channels * self.layout.num_joints) if data_norm else None
        # Convolutions before the tokens give a transformer the local prior that it cannot learn from small data (Xiao
        # et al., 2021, Early Convolutions Help Transformers See Better); here they follow the skeleton's graph.
        self.num_places, self.stem = self.layout.num_joints, None
        if stem is not None:
            self.stem = STGCN(self.layout, in_channels, dropout=0.0, data_norm=False, **{"channels": [], **stem})
        self.token_channels = in_channels if self.stem is None else self.stem.out_channels

    @property
    def token_grid(self) -> tuple[int, int]:
        """T' and V', joints or body parts, of the tokens that there are embeddings for."""
        return self.temp_embed.shape[1], self.num_places

    def prepare(self, x: Tensor) -> Tensor:
        """Check the input, normalize it and apply the stem: ``(P, T, V, C)`` to ``(P, T', V, token_channels)``."""
        self.check_input(x)
        if self.data_bn is not None:
            x = self.data_bn(x.reshape(-1, x.shape[2] * x.shape[3])).view(x.shape)
        return x if self.stem is None else self.stem.forward_rows(x).permute(0, 2, 3, 1)

    def time(self, length: int, resize: bool) -> Tensor:
        """Time embeddings ``(1, T', 1, D)`` of T' = ``length`` tokens; warns once if their number is another one."""
        if not self._warned and (length > self.temp_embed.shape[1] or (resize and length < self.temp_embed.shape[1])):
            text = f"time embeddings of {self.temp_embed.shape[1]} tokens are resampled to the {length} of the clips"
            print_log(f"{type(self).__name__}: {text}; clip_len or max_len sets them", logger="current", level=30)
            self._warned = True
        return time_embedding(self.temp_embed, length, resize, self.time_interpolation)

    def tokens(self, x: Tensor) -> Tensor:
        """Tokens ``(P, T', V, token_dim)`` of persons ``(P, T, V, C)``, with position and time embeddings."""
        raise unwritten(self, "tokens(x)")

    def encode(self, tokens: Tensor, keep: Optional[Tensor] = None) -> Tensor:
        """Encode tokens by ``blocks`` of attention over all of them, and ``norm``.

        Args:
            tokens: ``(P, T', V, token_dim)``.
            keep: ``(P, L)`` int64, positions in ``[0, T' * V)`` of the visible tokens; the others have no influence.

        Returns:
            Tensor: ``(P, L, D)`` of the visible tokens in the order of ``keep``; ``(P, T', V, D)`` without it.
        """
        x = tokens
        if keep is not None:  # hidden tokens cost nothing
            x = x.flatten(1, 2).gather(1, keep.unsqueeze(-1).expand(-1, -1, x.shape[-1])).unsqueeze(1)
        for block in self.blocks:
            x = recompute(block, self.with_cp, x)
        x = self.norm(x)
        return x if keep is None else x.squeeze(1)

    def forward_rows(self, x: Tensor) -> Tensor:
        """``(P, T, V, C)`` to ``(P, D, T', V)``, a view of tokens ``(P, T', V, D)``."""
        return self.encode(self.tokens(x)).permute(0, 3, 1, 2)

    def reset_parameters(self) -> None:
        """Draw all weights but the stem's, linear ones by ``init``; embeddings truncated N(0, .02), biases 0."""
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.trunc_normal_(self.temp_embed, std=0.02)
        for module in (m for name, child in self.named_children() if name != "stem" for m in child.modules()):
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                if self.init == "xavier":
                    nn.init.xavier_uniform_(module.weight.flatten(1))
                else:
                    (nn.init.normal_ if self.init == "normal" else nn.init.trunc_normal_)(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.LayerNorm):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)

    def init_weights(self) -> None:
        """Initialize as ``init`` specifies, then by ``init_cfg``."""
        self.reset_parameters()
        super().init_weights()

    def fit_state_dict(self, state_dict: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
        """Resample a checkpoint's time embeddings, under ``prefix``, to the number that this backbone has."""
        key, own = f"{prefix}temp_embed", self.temp_embed
        value = state_dict.get(key)
        if value is None or value.shape == own.shape or (*value.shape[:1], *value.shape[2:]) != (1, *own.shape[2:]):
            return state_dict
        print_log(f"{key}: {value.shape[1]} time embeddings resampled to {own.shape[1]}", logger="current")
        return {**state_dict, key: time_embedding(value, own.shape[1], True, self.time_interpolation)}

    def get_layer_depth(self, param_name: str) -> tuple[int, int]:
        """Layer of a parameter for layer-wise rates, 0 for all before the blocks; and the number of layers."""
        total = self.depth + 2
        if param_name.startswith(("pos_embed", "temp_embed", "joints_embed", "data_bn", "stem.")):
            return 0, total
        if param_name.startswith(("blocks", "ts_attn.")):
            return int(param_name.split(".")[1]) + 1, total
        return total - 1, total


def drop_paths(rate: float, depth: int) -> list[float]:
    """Stochastic depth of each layer, growing linearly from 0 to ``rate``."""
    return [rate * level / max(depth - 1, 1) for level in range(depth)]
