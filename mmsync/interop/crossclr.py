"""CrosSCLR (Li et al., 2021) with three streams; what its files share with those of CMD."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Optional

from mmsync.interop.family import Form, State
from mmsync.interop.skeleton import SkeletonFamily

_KEY = "key_encoder.module."


def stream_rules(linear: bool = False) -> Iterator[tuple[str, Optional[str]]]:
    """Rules of all streams, of a pretraining or of a ``linear`` evaluation, whose last layers are stored aside."""
    for name in ("joint", "motion", "bone"):
        theirs, ours = "" if name == "joint" else f"_{name}", f"streams.{name}."
        yield f"queue_ptr{theirs}", f"{ours}queue.pointer"
        yield f"queue{theirs}", f"{ours}queue.keys"
        for short, encoder in (("q", "encoder."), ("k", _KEY)):
            yield f"encoder_{short}{theirs}.fc.", None if linear else f"{ours}{encoder}projector.layers."
            yield f"encoder_{short}{theirs}.", f"{ours}{encoder}backbone."


class CrosSCLR(SkeletonFamily):
    """Checkpoints of CrosSCLR with three streams; ``aimclr`` converts one of a single stream, or the joints alone."""

    name, title, method = "crossclr", "CrosSCLR with three streams", "CrosSCLR"
    configs = {"STGCN": "configs/crossclr/crossclr_stgcn_ntu60_xsub.py"}
    options = {"layout": SkeletonFamily.options["layout"], "edges": dict(help="edge variant of the layout")}
    momentum = False
    forms = {
        "pretraining": Form(
            "pretraining",
            tuple(stream_rules()),
            ("encoder_q_motion.st_gcn_networks.", "encoder_k.", "queue"),
            ("streams.joint.encoder.backbone.st_gcn_networks.", "streams.joint.queue."),
        ),
        "linear": Form("linear evaluation", tuple(stream_rules(linear=True)), ("encoder_q_motion.st_gcn_networks.",)),
    }

    def adapt(self, state: State, aside: State, form: Form) -> dict[str, Any]:
        """Copy the query encoders where a file has no key encoders."""
        if not any(_KEY in name for name in state):
            state.update({name.replace(".encoder.", f".{_KEY}", 1): value for name, value in list(state.items())})
            return dict(keys=False)
        return super().adapt(state, aside, form)

    def restore(
        self, state: State, aside: State, form: Form, origin: Mapping, source: str, fc: Optional[str] = None
    ) -> None:
        """Drop the key encoders that the file did not have."""
        if origin.get("keys") is False:
            for name in [name for name in state if _KEY in name]:
                del state[name]
        super().restore(state, aside, form, origin, source, fc)

    def first(self, state: State) -> State:
        """Weights of the joints' stream, under the names of one encoder and queue."""
        prefix = "streams.joint."
        return {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}

    def headless(self, state: State, encoder: dict[str, Any], source: str) -> dict[str, Any]:
        """Config of the method; without projectors of a linear evaluation."""
        found = {**super().headless(state, encoder, source), "type": self.method}
        if "streams.motion.encoder.projector.layers.2.0.weight" in state:
            found["reference_heads"] = True
        return found


FAMILY = CrosSCLR()
