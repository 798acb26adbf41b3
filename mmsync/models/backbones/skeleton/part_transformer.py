"""A transformer over body parts and patches of frames, of clips in the body frame (docs/design/0044)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmsync.models.backbones.skeleton.transformer import SkeletonTransformer, drop_paths
from mmsync.models.modules.transformer import BlockSizes, TransformerBlock
from mmsync.ops.body_frame import PARTS, part_numbers
from mmsync.registry import BACKBONES, OptConfig


@BACKBONES.register_module()
class PartTransformer(SkeletonTransformer):
    """Transformer over body parts and patches of frames, in the body frame: ``(P, T, 20, 3) -> (P, D, T', 5)``.

    Tokens are the trunk, the arms and the legs, T' = ceil(T / t_patch); each part has an embedding of its own. It takes
    clips of ``SkeletonPreprocessor(body_frame=True)`` only. A learned vector is added to tokens of 2D clips, whose
    depth is 0, and taken from those of 3D ones. Parts stay apart in the map, as ``SegmentPartPool`` pools them.

    Args:
        embed_dim: Width of the tokens D.
        depth: Number of blocks.
        num_heads: H, a divisor of D.
        mlp_ratio: Width of the MLPs over D.
        t_patch: Frames per patch; the last frame is repeated until the last patch is full.
        clip_len: T for which there are time embeddings; clips of other lengths resample them.
        drop_rate: Dropout of projections and MLPs, in [0, 1).
        drop_path_rate: Stochastic depth of the last block; it grows linearly from 0.
        with_cp: Recompute the activations of a block in the backward pass instead of storing them.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: ``embed_dim`` is not a multiple of ``num_heads``, or a size is not positive.
        LayoutError: Input that is not in the body frame.
    """

    init = "xavier"
    layout_advice = "it takes clips in the body frame: set body_frame=True in the SkeletonPreprocessor"

    def __init__(
        self, embed_dim: int = 192, depth: int = 4, num_heads: int = 6, mlp_ratio: float = 4.0, t_patch: int = 8,
        clip_len: int = 64, drop_rate: float = 0.0, drop_path_rate: float = 0.0, with_cp: bool = False,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        sizes = dict(embed_dim=embed_dim, num_heads=num_heads, depth=depth, t_patch=t_patch, clip_len=clip_len)
        super().__init__("kinect20", 3, embed_dim, sizes, False, None, init_cfg)
        self.map_parts = tuple((part,) for part in range(PARTS))  # the places of the map
        self.joints_embed = nn.Parameter(torch.empty(PARTS, 36 * t_patch, embed_dim))
        self.pos_embed = nn.Parameter(torch.empty(1, 1, PARTS, embed_dim))
        self.flat_embed = nn.Parameter(torch.empty(1, 1, PARTS, embed_dim))
        self.temp_embed = nn.Parameter(torch.empty(1, -(-clip_len // t_patch), 1, embed_dim))
        shared = BlockSizes(embed_dim, num_heads, mlp_ratio, True, drop_rate, 0.0, 1e-5)
        self.blocks = nn.ModuleList(TransformerBlock(shared, path) for path in drop_paths(drop_path_rate, depth))
        self.norm = nn.LayerNorm(embed_dim)
        self.token_frames, self.num_places, self.with_cp = t_patch, PARTS, with_cp
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights: linear ones as Glorot and Bengio (2010), embeddings truncated N(0, .02), biases 0."""
        super().reset_parameters()
        nn.init.zeros_(self.flat_embed)
        for weight in self.joints_embed.data:
            nn.init.xavier_uniform_(weight)

    def tokens(self, x: Tensor) -> Tensor:
        """Tokens ``(P, T', 5, D)`` of persons ``(P, T, 20, 3)``, T' = ceil(T / t_patch)."""
        self.check_input(x)
        sign = 2 * x[..., 2].flatten(1).eq(0).all(1).view(-1, 1, 1, 1) - 1  # so that either kind trains it
        missing = -x.shape[1] % self.token_frames
        x = torch.cat([x, x[:, -1:].expand(-1, missing, -1, -1)], 1) if missing else x
        patches = part_numbers(x).unflatten(1, (-1, self.token_frames)).permute(3, 0, 1, 2, 4)  # (5, P, T', t, 36)
        tokens = torch.bmm(patches.reshape(PARTS, -1, self.joints_embed.shape[1]), self.joints_embed)
        tokens = tokens.unflatten(1, (len(x), -1)).permute(1, 2, 0, 3)
        return tokens + self.pos_embed + self.flat_embed * sign + self.time(tokens.shape[1], resize=True)
