"""AimCLR (Guo et al., 2022) and its relatives: SkeletonCLR, HiCLR, MBAimCLR, TransCLR."""

from __future__ import annotations

from mmsync.interop.family import BACKBONE, HEAD, Form
from mmsync.interop.skeleton import SkeletonFamily

PRETRAINING = (
    ("queue_ptr", "queue.pointer"),
    ("queue", "queue.keys"),
    ("encoder_q.<fc>", "encoder.projector.layers.<fc>"),
    ("encoder_k.<fc>", "key_encoder.module.projector.layers.<fc>"),
    ("encoder_q.", BACKBONE),
    ("encoder_k.", "key_encoder.module.backbone."),
)
LINEAR = (("encoder_q.<fc>", HEAD), ("encoder_q.", BACKBONE))
# HiCLR counts the ten edge weights of ST-GCN from 1, and its names have no list
EDGES = tuple(
    (f"{theirs}edge_importance{i + 1}", f"{ours}edge_importance.{i}")
    for theirs, ours in PRETRAINING[-2:]
    for i in range(10)
)


class AimCLR(SkeletonFamily):
    """Checkpoints of AimCLR and its relatives, with any of three backbones."""

    name, title = "aimclr", "AimCLR, SkeletonCLR, HiCLR, MBAimCLR or TransCLR"
    configs = {
        "HiCLR": "configs/hiclr/hiclr_stgcn_ntu60_xsub.py",
        "STGCN": "configs/aimclr/reference/aimclr_stgcn_ntu60_xsub.py",
        "DSTformer": "configs/mbaimclr/mbaimclr_dstformer_ntu60_xsub.py",
        "SkeletonViT": "configs/mbaimclr/mbaimclr_vit_ntu60_xsub.py",
    }
    options = {**SkeletonFamily.options, "edges": dict(help="edge variant of the layout (default: its first)")}
    reverse_options = {  # as AimCLR; as ActCLR and the public files
        "fc": dict(choices=["linear", "conv"], help="with --reverse: form of ST-GCN's last layers")
    }
    forms = {
        "hiclr": Form(
            "HiCLR's pretraining",
            (("mask_param", "mask_value"), *EDGES, *PRETRAINING),
            ("mask_param", "encoder_q.edge_importance1"),
            ("mask_value", "queue.keys", f"{BACKBONE}st_gcn_networks."),
        ),
        "hiclr_linear": Form("HiCLR's linear evaluation", (*EDGES, *LINEAR), ("encoder_q.edge_importance1",)),
        "pretraining": Form("pretraining", PRETRAINING, ("encoder_q.", "encoder_k.", "queue"), ("queue.keys",)),
        "action": Form(
            "evaluation by an action head",
            (("actionHead.", "head."), ("encoder_q.head.", None), ("encoder_q.", BACKBONE)),
            ("encoder_q.", "actionHead."),
            (BACKBONE, "head.fc1."),
        ),
        "linear": Form("linear evaluation", LINEAR, ("encoder_q.",), (BACKBONE, HEAD)),
        "network": Form("a bare network", (("fc.", HEAD), ("", BACKBONE)), ("st_gcn_networks.",)),
    }


FAMILY = AimCLR()
