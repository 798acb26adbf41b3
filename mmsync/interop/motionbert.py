"""MotionBERT: DSTformer and ActionNet (Zhu et al., 2023)."""

from __future__ import annotations

from mmsync.interop.family import BACKBONE, Form
from mmsync.interop.skeleton import SkeletonFamily

_ENCODER = (("backbone.head.", None), ("backbone.", BACKBONE))
_BLOCKS = "backbone.blocks_st."


class MotionBERT(SkeletonFamily):
    """Checkpoints of MotionBERT."""

    name, title, module, norm_eps = "motionbert", "MotionBERT", True, 1e-6
    configs = {"DSTformer": "configs/aimclr/aimclr_dstformer_ntu60_xsub.py"}
    forms = {
        "action": Form(
            "ActionNet, action recognition",
            (*_ENCODER, ("head.", "head.")),
            (_BLOCKS, "head.fc2."),
            (BACKBONE, "head.fc1."),
            "model",
        ),
        "embed": Form(
            "ActionNet, one-shot embedding", (*_ENCODER, ("head.", None)), (_BLOCKS, "head.fc1."), container="model"
        ),
        "pose": Form("DSTformer", (("head.", None), ("", BACKBONE)), ("blocks_st.",), (BACKBONE,), "model_pos"),
    }


FAMILY = MotionBERT()
