"""Masked prediction: numbers out of range, backbones that it cannot take, clips of another length."""

from __future__ import annotations

from tests.mistakes import Mistake, own

_MODEL = """model = dict(
    _delete_=True,
    type='MAMP',
    {method}
    encoder=dict(type='Encoder', {encoder} backbone=dict({backbone})),
    data_preprocessor=dict(type='SkeletonPreprocessor', layout='ntu25'))
"""
_VIT = "type='SkeletonViT', embed_dim=8, depth=1, num_heads=2, clip_len=8,"


def masked(name: str, says: str, backbone: str = "", method: str = "", encoder: str = "", more: str = "") -> Mistake:
    """MAMP on the small config's clips of 8 frames."""
    parts = dict(method=method, encoder=encoder, backbone=backbone if "type=" in backbone else _VIT + backbone)
    return own(name, _MODEL.format(**parts) + more, says)


CASES = [
    masked("masked_without_tokens", r"MAMP encodes visible tokens only, and STGCN has no tokens", "type='STGCN'"),
    masked(
        "masked_with_stem", r"MAMP: the backbone's stem shows hidden patches", "stem=dict(channels=[8], strides=[1])"
    ),
    masked("masked_all", r"model\.mask_ratio: is 1, must be in \(0, 1\)", method="mask_ratio=1,"),
    masked("masked_percent", r"model\.mask_ratio: is 90, must be in \(0, 1\)", method="mask_ratio=90,"),
    masked("masked_tau_negative", r"model\.motion_tau: is -0\.8, must be at least 0", method="motion_tau=-0.8,"),
    masked(
        "masked_ratio_misspelt", r"MAMP takes no 'mask_ration'; did you mean 'mask_ratio'", method="mask_ration=0.9,"
    ),
    masked(
        "masked_decoder_heads",
        r"TokenDecoder: embed_dim=10, depth=3, num_heads=4; give .*num_heads that divide",
        method="decoder=dict(type='TokenDecoder', embed_dim=10, num_heads=4),",
    ),
    masked(
        "masked_projector",
        r"MAMP trains no projector; set encoder\.projector=None",
        encoder="projector=dict(type='MLPProjector', out_channels=4),",
    ),
    masked(
        "masked_parts_of_patches", r"clips of 8 frames are no whole number of patches of 3; make them 9", "t_patch=3"
    ),
    masked(
        "masked_view_of_others",
        r"MAMP needs the view 'clip'",
        more="model['data_preprocessor']['views'] = dict(query=[dict(type='Shear')])\n",
    ),
]
