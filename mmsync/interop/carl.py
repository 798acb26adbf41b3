"""CARL (Chen et al., 2022, Frame-wise Action Representations for Long Videos), without its ResNet-50."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Optional

from mmsync.interop.family import BACKBONE, Family, Form, State, own_weights, shape

if TYPE_CHECKING:
    from mmengine.config import Config

_PARTS = {  # of a layer
    "res_layer0.norm.": "norm1.",
    "res_layer1.norm.": "norm2.",
    "self_att.linear_Q2d.": "q_proj.",
    "self_att.linear_K2d.": "k_proj.",
    "self_att.linear_V2d.": "v_proj.",
    "self_att.linear_d2Q.": "merge.",
    "feed_forward.": "",
}
_LAYERS, _PROJECTOR = f"{BACKBONE}layers.", "encoder.projector.layers."
_BIAS, _MEAN = "ssl_projection.net.0.bias", f"{_PROJECTOR}1.running_mean"


class CARL(Family):
    """Checkpoints of CARL: the transformer on a ResNet-50's features, and the projector."""

    name, title = "carl", "CARL"
    pool = dict(type="FramePool")
    undetermined = "num_heads and train_frames"
    forms = {
        "release": Form(
            "minghchen/CARL_code",
            (
                ("embed.video_encoder.enc_layers.", _LAYERS),
                ("embed.", BACKBONE),
                ("ssl_projection.net.", _PROJECTOR),
            ),
            ours=(f"{BACKBONE}video_emb.", _PROJECTOR),
            anchor="embed.video_emb.weight",
            note="features of a ResNet-50 after the maximum over space, frames of 224 x 224; it is kept aside",
        )
    }

    def adapt(self, state: State, aside: State, form: Form) -> dict[str, Any]:
        """Rename the parts of layers; fold the projector's first bias, which its batch norm subtracts again."""
        _rename_parts(state, _PARTS)
        bias = state.pop(f"{_PROJECTOR}0.bias", None)
        if bias is not None and _MEAN in state:
            aside[_BIAS] = bias
            state[_MEAN] = state[_MEAN] - bias
        return {}

    def restore(self, state: State, aside: State, form: Form, origin: Mapping[str, Any], source: str) -> None:
        """Undo :meth:`adapt`, see the base class; a bias of its own is zero."""
        import torch

        _rename_parts(state, {ours: theirs for theirs, ours in _PARTS.items() if ours}, fc="feed_forward.")
        if _MEAN in state:
            bias = next((v for name, v in aside.items() if name.endswith(_BIAS)), torch.zeros_like(state[_MEAN]))
            state[_MEAN], state[f"{_PROJECTOR}0.bias"] = state[_MEAN] + bias, bias

    def backbone(self, state: State, source: str, config: Optional[Config]) -> dict[str, Any]:
        """Derive the config of the transformer from its weights, see the base class."""
        own = own_weights(state)
        linear = [shape(own, name, source) for name in own if name.startswith("fc_layers.") and own[name].dim() == 2]
        dim, _ = shape(own, "video_emb.weight", source)
        num = len([name for name in own if name.endswith("q_proj.weight")])
        return dict(
            type="CARLTransformerHead",
            in_channels=linear[0][1],
            widths=[out for out, _ in linear],
            dim=dim,
            num_layers=num,
            hidden_dim=shape(own, "layers.0.fc1.weight", source)[0],
            out_channels=shape(own, "embedding_layer.weight", source)[0],
            train_frames=240 if num == 2 else 80,  # Pouring and Penn Action
        )

    def headless(self, state: State, encoder: dict[str, Any], source: str) -> dict[str, Any]:
        """Config of the encoder with its projector."""
        if f"{_PROJECTOR}3.weight" in state:
            out, hidden = state[f"{_PROJECTOR}3.weight"].shape
            encoder["projector"] = dict(type="MLPProjector", out_channels=out, hidden_channels=hidden, norm=True)
        return dict(encoder=encoder)


def _rename_parts(state: State, parts: Mapping[str, str], fc: str = "") -> None:
    """Rename the parts of layers in place; ``fc`` precedes names that no part fits."""
    for name in [name for name in state if name.startswith(_LAYERS)]:
        number, _, rest = name[len(_LAYERS) :].partition(".")
        old, new = next(((a, b) for a, b in parts.items() if rest.startswith(a)), ("", fc))
        state[f"{_LAYERS}{number}.{new}{rest[len(old) :]}"] = state.pop(name)


FAMILY = CARL()
