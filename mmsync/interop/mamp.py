"""MAMP (Mao et al., 2023) and SkeletonMAE (Wu et al., 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from mmsync.interop.family import BACKBONE, HEAD, Form, State, shape
from mmsync.interop.skeleton import SkeletonFamily, count_layers

_NORM = "head.fc.0."  # batch normalization without weights in front of the linear probe
_ALL = ("", BACKBONE)
_FINETUNED = (BACKBONE, "head.fc1.")


class MAMP(SkeletonFamily):
    """Checkpoints of MAMP and SkeletonMAE."""

    name, title = "mamp", "MAMP or SkeletonMAE"
    configs = {"SkeletonViT": "configs/mamp/mamp_vit_ntu60_xsub.py"}
    forms = {
        "finetune": Form("finetuning", (("head.", "head."), _ALL), ("blocks.", "head.fc1."), _FINETUNED, "model"),
        "linprobe_bn": Form(
            "linear probe after a batch norm",
            (("head.fc.1.", HEAD), (_NORM, None), _ALL),
            ("blocks.", _NORM, "head.fc.1."),
            container="model",
        ),
        "linprobe": Form("linear probe", ((HEAD, HEAD), _ALL), ("blocks.", HEAD), (BACKBONE, HEAD), "model"),
        "pretraining": Form(
            "pretraining",
            (("mask_token", "decoder.mask_token"), ("decoder_", "decoder."), _ALL),
            ("blocks.",),
            (BACKBONE,),
            "model",
        ),
    }

    def headless(self, state: State, encoder: dict[str, Any], source: str) -> dict[str, Any]:
        """Config of MAMP if the file has its decoder: SkeletonMAE has the same names; else as other families."""
        depth = count_layers(state, "decoder.blocks.")
        if not depth:
            return super().headless(state, encoder, source)
        width = shape(state, "decoder.mask_token", source)[2]
        ratio = shape(state, "decoder.blocks.0.mlp.fc1.weight", source)[0] / width
        heads = encoder["backbone"]["num_heads"]
        decoder = dict(type="TokenDecoder", embed_dim=width, depth=depth, num_heads=heads, mlp_ratio=ratio)
        return dict(type="MAMP", encoder=encoder, decoder=decoder)

    def adapt(self, state: State, aside: State, form: Form) -> dict[str, Any]:
        """Fold the batch normalization of the probe into its linear layer."""
        _fold_norm(state, aside)
        return super().adapt(state, aside, form)

    def restore(
        self, state: State, aside: State, form: Form, origin: Mapping, source: str, fc: Optional[str] = None
    ) -> None:
        """Undo :meth:`adapt`, see the base class."""
        super().restore(state, aside, form, origin, source, fc)
        _fold_norm(state, aside, back=True)


def _fold_norm(linear: State, norm: State, back: bool = False) -> None:
    """Fold a batch norm without weights (eps 1e-6) into the linear layer after it, or take it out again."""
    if f"{_NORM}running_var" not in norm:
        return
    mean, std = norm[f"{_NORM}running_mean"].double(), (norm[f"{_NORM}running_var"].double() + 1e-6).sqrt()
    weight, bias = linear[f"{HEAD}weight"], linear[f"{HEAD}bias"]
    scaled = weight.double() * std if back else weight.double() / std
    shift = -(weight.double() @ mean) if back else scaled @ mean
    linear[f"{HEAD}weight"], linear[f"{HEAD}bias"] = scaled.to(weight), (bias.double() - shift).to(bias)


FAMILY = MAMP()
