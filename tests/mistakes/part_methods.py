"""PSTL, HiCLR and SkeleMixCLR: backbones without joints, and shares that leave nothing or mask nothing."""

from tests.mistakes import Mistake, option

_MODEL = """
from mmsync.models.methods import PSTL, HiCLR, SkeleMixCLR
net = dict(type='Encoder', backbone=dict(type='STGCN', channels=[4], strides=[1]))
{body}
"""


def _model(name: str, says: str, call: str) -> Mistake:
    return Mistake(name, says=says, code=_MODEL.replace("{body}", call))


CASES = [
    _model("motion masks all frames", r"frame_ratio=0\.5: give a share in \[0, 0\.5\)", "PSTL(net, frame_ratio=0.5)"),
    _model("all joints are drawn", r"joint_ratio=1: give a share in \[0, 1\)", "PSTL(net, joint_ratio=1)"),
    _model(
        "masked joints of sound",
        r"PSTL masks joints, and AudioVGG takes no skeletons .*use STGCN",
        "PSTL(dict(type='Encoder', backbone=dict(type='AudioVGG', widths=[4])))",
    ),
    _model(
        "masked joints of a plain module",
        r"Linear gives no feature map",
        "from torch import nn; PSTL(nn.Linear(4, 3))",
    ),
    _model("no joint is masked", r"mask_ratio=0\.03 masks 0 of 25 joints", "HiCLR(net, mask_ratio=0.03)"),
    _model("all parts are pasted", r"num_parts=\(2, 5\).*high <= 4", "SkeleMixCLR(net, num_parts=(2, 5))"),
    _model("block longer than the clip", r"block=\(7, 17\).*high <= 16", "SkeleMixCLR(net, block=(7, 17))"),
    _model(
        "layout without body parts",
        r"hands42.*no body parts",
        "SkeleMixCLR(dict(net, backbone=dict(net['backbone'], layout='hands42')))",
    ),
    option(
        "backbone without joints",
        "model.encoder.backbone.type=AudioVGG",
        r"model\.encoder\.backbone: HiCLR masks joints, and AudioVGG takes no skeletons",
        config="configs/hiclr/hiclr_stgcn_ucla_xview.py",
    ),
    option(
        "view of a method that masks joints",
        "model.data_preprocessor.views.spatail=[]",
        r"PSTL does not use this view; it uses anchor, temporal, spatial",
        config="configs/pstl/pstl_stgcn_synthetic.py",
    ),
]
