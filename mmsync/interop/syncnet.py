"""SyncNet (Chung and Zisserman, 2016), both towers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from mmsync.interop.family import Family, Form, State, shape

if TYPE_CHECKING:
    from mmengine.config import Config

_TOWERS = {"video": ("lip", "SyncNetLip"), "audio": ("aud", "SyncNetAudio")}  # name there, and backbone
_RULES = tuple(
    (f"net{part}{there}.", f"{ours}.backbone.{part}.") for ours, (there, _) in _TOWERS.items() for part in ("cnn", "fc")
)


class SyncNet(Family):
    """Checkpoints of SyncNet."""

    name, title = "syncnet", "SyncNet"
    configs = {"SyncNetLip": "configs/syncnet/syncnet_lip.py"}
    forms = {
        "joonson": Form(
            "joonson/syncnet_python",
            _RULES,
            tuple(theirs for theirs, _ in _RULES),
            tuple(ours for _, ours in _RULES),
            note="faces of 224 pixels, 25 a second, and MFCC of 16 kHz, 100 a second",
        )
    }

    def backbone(self, state: State, source: str, config: Optional[Config]) -> dict[str, Any]:
        """Configs of both backbones by tower, from their shapes."""
        found = {}
        for tower, (_, backbone) in _TOWERS.items():
            out, hidden = shape(state, f"{tower}.backbone.fc.3.weight", source)
            found[tower] = dict(type=backbone, out_channels=out, width=hidden / 512)
        return found

    def model(self, state: State, backbone: dict[str, Any], source: str) -> dict[str, Any]:
        """Config of the model of both towers."""
        return dict(type="SyncNet", **{name: dict(type="Encoder", backbone=one) for name, one in backbone.items()})


FAMILY = SyncNet()
