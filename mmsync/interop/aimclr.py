"""AimCLR (Guo et al., 2022) and its relatives: SkeletonCLR, MBAimCLR, TransCLR."""

from __future__ import annotations

from mmsync.interop.convert import BACKBONE, HEAD, Form
from mmsync.interop.skeleton import SkeletonFamily


class AimCLR(SkeletonFamily):
    """Checkpoints of AimCLR and its relatives, with any of three backbones."""

    name, title = "aimclr", "AimCLR, SkeletonCLR, MBAimCLR or TransCLR"
    configs = {
        "STGCN": "configs/aimclr/reference/aimclr_stgcn_ntu60_xsub.py",
        "DSTformer": "configs/mbaimclr/mbaimclr_dstformer_ntu60_xsub.py",
        "SkeletonViT": "configs/mbaimclr/mbaimclr_vit_ntu60_xsub.py",
    }
    options = {**SkeletonFamily.options, "edges": dict(help="edge variant of the layout (default: its first)")}
    reverse_options = {  # as AimCLR; as ActCLR and the public files
        "fc": dict(choices=["linear", "conv"], help="with --reverse: form of ST-GCN's last layers")
    }
    forms = {
        "pretraining": Form(
            "pretraining",
            (
                ("queue_ptr", "queue.pointer"),
                ("queue", "queue.keys"),
                ("encoder_q.<fc>", "encoder.projector.layers.<fc>"),
                ("encoder_k.<fc>", "key_encoder.module.projector.layers.<fc>"),
                ("encoder_q.", BACKBONE),
                ("encoder_k.", "key_encoder.module.backbone."),
            ),
            ("encoder_q.", "encoder_k.", "queue"),
            ("queue.keys",),
        ),
        "action": Form(
            "evaluation by an action head",
            (("actionHead.", "head."), ("encoder_q.head.", None), ("encoder_q.", BACKBONE)),
            ("encoder_q.", "actionHead."),
            (BACKBONE, "head.fc1."),
        ),
        "linear": Form(
            "linear evaluation", (("encoder_q.<fc>", HEAD), ("encoder_q.", BACKBONE)), ("encoder_q.",), (BACKBONE, HEAD)
        ),
        "network": Form("a bare network", (("fc.", HEAD), ("", BACKBONE)), ("st_gcn_networks.",)),
    }


FAMILY = AimCLR()
