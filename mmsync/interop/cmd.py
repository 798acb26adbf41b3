"""CMD (Mao et al., 2022)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Optional

from mmsync.errors import CheckpointError
from mmsync.interop.crossclr import CrosSCLR, stream_rules
from mmsync.interop.family import Form, State

_GRU = re.compile(r"(.*\.gru\.)(\w+)_l(\d+)(_reverse)?")
_FORWARD = re.compile(r"(?<=\.backbone\.)gru\.(\d+)\.(\w+)_l0")


class CMD(CrosSCLR):
    """Checkpoints of CMD: three bidirectional GRUs that its code steps frame by frame."""

    name, title, method = "cmd", "CMD", "CMD"
    configs = {"BiGRU": "configs/cmd/cmd_bigru_ntu60_xsub.py"}
    options = {"layout": CrosSCLR.options["layout"]}
    forms = {
        "pretraining": Form(
            "pretraining",
            tuple(stream_rules()),
            ("encoder_q_motion.encoder.gru.", "encoder_k.", "queue"),
            ("streams.joint.encoder.backbone.gru.", "streams.joint.queue."),
            "state_dict",
        )
    }

    def adapt(self, state: State, aside: State, form: Form) -> dict[str, Any]:
        """Make the directions of each layer, both of which run forward, GRUs of their own."""
        for name in list(state):
            new = name.replace(".backbone.encoder.gru.", ".backbone.gru.")
            new = new.replace(".backbone.input_norm.", ".backbone.data_bn.")
            new = _GRU.sub(lambda m: f"{m[1]}{2 * int(m[3]) + bool(m[4])}.{m[2]}_l0", new)
            state[new] = state.pop(name)
        return super().adapt(state, aside, form)

    def restore(
        self, state: State, aside: State, form: Form, origin: Mapping, source: str, fc: Optional[str] = None
    ) -> None:
        """Undo :meth:`adapt`; a CheckpointError for GRUs that run in both directions of time."""
        for name in list(state):
            if _GRU.fullmatch(name):
                text = "both directions of CMD's GRU run forward in time, those of directions='both' do not"
                raise CheckpointError(f"{source}: {text}; its code cannot run them")
            new = name.replace(".backbone.data_bn.", ".backbone.input_norm.")
            new = _FORWARD.sub(lambda m: f"encoder.gru.{m[2]}_l{int(m[1]) // 2}{'_reverse' * (int(m[1]) % 2)}", new)
            state[new] = state.pop(name)
        super().restore(state, aside, form, origin, source, fc)

    def headless(self, state: State, encoder: dict[str, Any], source: str) -> dict[str, Any]:
        """Config of the method; half of the queue is compared, as published."""
        found = super().headless(state, encoder, source)
        return {**found, "topk": max(found["queue_size"] // 2, 1)}


FAMILY = CMD()
