"""CASA (Kwon et al., 2022, Context-Aware Sequence Alignment using 4D Skeletal Augmentation)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Optional

from mmsync.interop.family import BACKBONE, Family, Form, State, own_weights, shape

if TYPE_CHECKING:
    from mmengine.config import Config

_POSITIONS = "pos_encoding.pe"


class CASA(Family):
    """Checkpoints of CASA, whose names start with ``matcher.`` in Lightning's files."""

    name, title = "casa", "CASA"
    pool = dict(type="FramePool")
    undetermined = "the kinds of the layers and num_heads"
    forms = {
        "matcher": Form(
            "taeinkwon/casa",
            (
                ("backbone.fc1.", f"{BACKBONE}layers.0."),
                ("backbone.fc2.", f"{BACKBONE}layers.1."),
                ("backbone_ph.fc1.", "projector.layers.0."),
                ("backbone_ph.fc2.", "projector.layers.2."),
                ("casa_coarse.", "context."),
            ),
            ours=("context.layers.", "projector.layers.", BACKBONE),
            anchor="casa_coarse.layers.0.q_proj.weight",
            note="normalized joints, padded to the longest sequence of the data, and context.mask=False",
        )
    }

    def backbone(self, state: State, source: str, config: Optional[Config]) -> dict[str, Any]:
        """Derive the config of the MLP from its weights, see the base class."""
        own = own_weights(state)
        widths = [shape(own, f"layers.{i}.weight", source)[0] for i in (0, 1)]
        return dict(type="FrameMLP", in_channels=own["layers.0.weight"].shape[1], widths=widths)

    def headless(self, state: State, encoder: dict[str, Any], source: str) -> dict[str, Any]:
        """Config of encoder, context and projector."""
        num = len([name for name in state if name.startswith("context.") and name.endswith("q_proj.weight")])
        out, hidden = shape(state, "projector.layers.2.weight", source)
        layers = [("self", "cross")[i % 2] for i in range(num)]
        context = dict(type="CrossContext", channels=encoder["backbone"]["widths"][-1], layers=layers)
        projector = dict(type="MLPProjector", out_channels=out, hidden_channels=hidden)
        return dict(encoder=encoder, context=context, projector=projector)

    def restore(self, state: State, aside: State, form: Form, origin: Mapping[str, Any], source: str) -> None:
        """Add the table of positions, which CASA stores, to a checkpoint that was not converted from CASA's."""
        if not any(name.endswith(_POSITIONS) for name in aside):
            import torch

            from mmsync.ops.attention import sine_positions

            channels = len(state["context.layers.0.q_proj.weight"])
            aside[_POSITIONS] = sine_positions(torch.arange(5000), channels + channels % 2).unsqueeze(1)


FAMILY = CASA()
