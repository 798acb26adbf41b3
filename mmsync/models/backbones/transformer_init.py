"""What the transformer backbones share at their making: checks and initialisation."""

from __future__ import annotations

from torch import nn

from mmsync.errors import ConfigError


def check_transformer(who: str, embed_dim: int, num_heads: int, depth: int, **lengths: int) -> None:
    """Raises ConfigError if the sizes make no transformer."""
    sizes = {"embed_dim": embed_dim, "num_heads": num_heads, "depth": depth, **lengths}
    for name, value in sizes.items():
        if value < 1:
            raise ConfigError(f"{who}: {name}={value}; give at least 1")
    if embed_dim % num_heads:
        raise ConfigError(f"{who}: embed_dim={embed_dim} cannot be split into num_heads={num_heads}; give a divisor")


def drop_paths(rate: float, depth: int) -> list[float]:
    """Stochastic depth of each layer, growing linearly from 0 to ``rate``."""
    return [rate * level / max(depth - 1, 1) for level in range(depth)]


def init_linear(module: nn.Module, how: str) -> None:
    """Initialises a transformer: embeddings truncated N(0, .02), norms 1 and 0, biases 0.

    Args:
        module: With ``pos_embed`` and ``temp_embed``.
        how: Of the linear weights: ``'trunc_normal'`` or ``'normal'`` with deviation .02, or ``'xavier'`` uniform.
    """
    nn.init.trunc_normal_(module.pos_embed, std=0.02)
    nn.init.trunc_normal_(module.temp_embed, std=0.02)
    for part in module.modules():
        if isinstance(part, (nn.Linear, nn.Conv2d)):
            if how == "xavier":
                nn.init.xavier_uniform_(part.weight.flatten(1))
            elif how == "normal":
                nn.init.normal_(part.weight, std=0.02)
            else:
                nn.init.trunc_normal_(part.weight, std=0.02)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.LayerNorm):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)
