"""R3D, MC3 and R(2+1)D (Tran et al., 2018), and ResNet to inflate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmsync.interop.family import BACKBONE, HEAD, Family, Form, Rules, State, own_weights, shape

if TYPE_CHECKING:
    from mmengine.config import Config

_LAYERS = (("conv1", "conv1.0"), ("bn1", "conv1.1"), ("conv2", "conv2.0"), ("bn2", "conv2.1"))
_RESNET: Rules = (
    ("conv1.", f"{BACKBONE}stem.0."),
    ("bn1.", f"{BACKBONE}stem.1."),
    *(
        (f"layer{i}.{j}.{theirs}.", f"{BACKBONE}layer{i}.{j}.{ours}.")
        for i in range(1, 5)
        for j in range(6)  # of ResNet-34, which has most
        for theirs, ours in (*_LAYERS, ("downsample", "downsample"))
    ),
)


class VideoResNet(Family):
    """Checkpoints of R3D, MC3 and R(2+1)D."""

    name, title, stem = "video_resnet", "R3D, MC3 or R(2+1)D", "stem.0.weight"
    pool = dict(type="VideoPool")
    options = {
        "bn_eps": dict(type=float, help="1e-3 for files of VMZ; shapes determine it for R(2+1)D only"),
        "variant": dict(choices=["r3d", "mc3"], help="of a 2D ResNet: variant to inflate it to"),
    }
    forms = {
        "torchvision": Form(
            "torchvision, VMZ, IG-65M, XDC or SeLaVi", (("fc.", HEAD), ("", BACKBONE)), (), (BACKBONE,), anchor=stem
        ),
        "resnet": Form("ResNet of torchvision", _RESNET, anchor="layer1.0.bn1.weight", arrays="images"),
    }

    def backbone(
        self, state: State, source: str, config: Config | None, bn_eps: float | None = None, variant: str | None = None
    ) -> dict[str, Any]:
        """Derive the config of the backbone; without ``bn_eps``, R(2+1)D as VMZ builds it has 1e-3 and others 1e-5."""
        own, stage = own_weights(state), "layer2.0."
        blocks = {name.split(".")[1] for name in own if name.startswith("layer3.")}
        channels = shape(own, self.stem, source)[1]
        built: dict[str, Any] = dict(type="VideoResNet", depth=34 if len(blocks) > 2 else 18, in_channels=channels)
        mids = [own.get(f"{stage}{part}.0.0.weight") for part in ("conv1", "conv2")]
        if mids[0] is not None and mids[1] is not None:
            same = len(mids[0]) == len(mids[1])
            built.update(variant="r2plus1d", midplanes="per_block" if same else "per_conv")
            bn_eps = (1e-5 if same else 1e-3) if bn_eps is None else bn_eps
        else:
            kernel = own.get(f"{stage}conv1.0.weight")
            planar = kernel is not None and tuple(kernel.shape[2:]) == (1, 3, 3)
            built.update(variant=variant or ("mc3" if planar else "r3d"))
        norm = own.get("layer1.0.conv1.1.weight")
        return dict(built, width=1.0 if norm is None else len(norm) / 64, bn_eps=1e-5 if bn_eps is None else bn_eps)


FAMILY = VideoResNet()
