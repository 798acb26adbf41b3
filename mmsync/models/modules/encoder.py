"""Encoder: a backbone, a pooling neck and, for pretraining, a projector."""

from __future__ import annotations

import inspect
from typing import Any, Optional, Union

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsync.errors import ConfigError, ContractError
from mmsync.ops.frames import map_valid
from mmsync.ops.scaling import side_by_side
from mmsync.registry import BACKBONES, MODELS, NECKS, OptConfig, OptPart, Part
from mmsync.structures import FeatureMap, View


@MODELS.register_module()
class Encoder(BaseModule):
    """Encoder of a view to an embedding ``(N, D)``, or to one for each frame ``(N, T', D)``, of any modality.

    Args:
        backbone: Config of a backbone. Each of the parts may be a module as well.
        pool: Config of a pooling neck; its ``in_channels`` is filled in. ``None``: ``MeanPool``.
        projector: Config of a projection neck; its ``in_channels`` is filled in. ``None``: no projector.
        probe_pool: Config of the pooling neck of the features that probes see; ``None``: the same as ``pool``.
        skip_absent: Whether to leave absent persons out of the backbone, so that they cost nothing and do not enter its
            batch statistics. ``None``: if and only if the pooling does not count them.
        frozen: Config of an encoder of the same views with weights of its own (``init_cfg``), which does not learn.
            Probes see its features and the learned ones side by side, those of each clip scaled to one length.
            Training costs no more for it. ``None``: no such encoder.
        whitening: Config of a :class:`~mmsync.models.necks.Whitening` of the learned features that probes see, and of
            their weight beside frozen ones; ``FitWhiteningHook`` fits it. ``None``: they are as they are.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: The backbone is a module that returns no feature map.
    """

    def __init__(
        self, backbone: Part, pool: OptPart = None, projector: OptPart = None, probe_pool: OptPart = None,
        skip_absent: Optional[bool] = None, frozen: OptPart = None, whitening: OptPart = None,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(init_cfg)
        self.backbone = BACKBONES.build(backbone)
        if not hasattr(self.backbone, "out_channels"):
            text = f"{type(self.backbone).__name__} is no backbone: it has no out_channels"
            raise ConfigError(f"Encoder: {text}; give a module that returns (N, D) to PlainEncoder instead")
        self.pool_neck = self._build_pool(pool)
        self.pooled_channels = self._pooled_channels(self.pool_neck)
        self.probe_neck = self.pool_neck if probe_pool is None else self._build_pool(probe_pool)
        width = self._pooled_channels(self.probe_neck)
        self.projector = None
        self.out_channels = self.pooled_channels
        if projector is not None:
            self.projector = NECKS.build(projector, default_args=dict(in_channels=self.pooled_channels))
            self.out_channels = self.projector.out_channels
        count_absent = getattr(self.pool_neck, "counts_absent", True)
        self.skip_absent = not count_absent if skip_absent is None else skip_absent
        self.frozen, self.whitening = None, None
        if whitening is not None:
            self.whitening = NECKS.build(whitening, default_args=dict(in_channels=width))
        if frozen is not None:
            self.frozen = MODELS.build(frozen).requires_grad_(False).eval()
        self._require_forward()

    def train(self, mode: bool = True) -> Encoder:
        """Set training mode, but for the frozen encoder."""
        super().train(mode)
        if self.frozen is not None:
            self.frozen.eval()
        return self

    def _require_forward(self) -> None:
        signature = inspect.signature(self.backbone.forward)
        try:
            signature.bind(None, self.skip_absent)
        except TypeError:
            found = f"{type(self.backbone).__name__}.forward{signature}"
            advice = "a class that inherits from Backbone writes forward_rows(x), and leaves forward as it is"
            raise ContractError(f"{found} is called as forward(view, skip_absent); {advice}") from None

    def _build_pool(self, pool: OptPart) -> nn.Module:
        default = dict(type="MeanPool", in_channels=self.backbone.out_channels)
        return NECKS.build({} if pool is None else pool, default_args=default)

    def _pooled_channels(self, neck: nn.Module) -> int:
        pooled = getattr(neck, "pooled_channels", None)
        return self.backbone.out_channels if pooled is None else pooled(self.backbone)

    def forward_map(self, view: Union[View, Tensor]) -> FeatureMap:
        """Compute the backbone's feature map of a view, or of its data alone."""
        feature = self.backbone(as_view(view), self.skip_absent)
        if not isinstance(feature, FeatureMap):
            found = f"{type(self.backbone).__name__} returns a {type(feature).__name__}"
            raise ContractError(f"{found}; a backbone returns a FeatureMap, as those that inherit from Backbone do")
        return feature

    def pool(self, feature: FeatureMap) -> Tensor:
        """Pool a feature map to ``(N, D)``, or to ``(N, T', D)`` if the pooling neck keeps frames."""
        return self.pool_neck(feature)

    def project(self, pooled: Tensor, valid: Optional[Tensor] = None) -> Tensor:
        """Project ``(N, D)`` or ``(N, T', D)``, or pass it on; embeddings of frames not ``valid (N, T')`` are zero."""
        if self.projector is None:
            return pooled
        return self.projector(pooled) if pooled.dim() == 2 else map_valid(self.projector, pooled, valid)

    def extract(self, view: Union[View, Tensor]) -> Union[Tensor, list[Tensor]]:
        """Extract pooled features for probes: ``(N, D)``, or N tensors ``(T_n, D)`` of the valid frames."""
        given = None if self.frozen is None else self.frozen.extract(view)
        return self.extract_map(self.forward_map(view), given)

    def extract_map(self, feature: FeatureMap, given: Any = None) -> Union[Tensor, list[Tensor]]:
        """Pool a map of the backbone for probes, beside the features ``given`` of a frozen encoder."""
        pooled = self.probe_neck(feature)
        of_frames = pooled.dim() != 2 or isinstance(given, list)
        if of_frames and (given is not None or self.whitening is not None):
            raise ConfigError("model.encoder: features of frames are not whitened or put side by side; pool clips")
        if self.whitening is not None:
            pooled = self.whitening(pooled, given)
        elif given is not None:
            pooled = side_by_side([given, pooled])
        if pooled.dim() == 2:
            return pooled
        return list(pooled) if feature.valid is None else [x[v] for x, v in zip(pooled, feature.valid)]

    def forward(self, view: Union[View, Tensor]) -> Tensor:
        """Compute the embedding for losses: ``(N, D_proj)`` or ``(N, T', D_proj)``."""
        feature = self.forward_map(view)
        return self.project(self.pool(feature), feature.valid)

    def forward_without(self, view: Union[View, Tensor], joints: Tensor) -> Tensor:
        """Compute :meth:`forward` of a view whose ``joints (J,)``, int64 on the CPU, are masked."""
        feature = self.backbone.forward_without(as_view(view), joints, self.skip_absent)
        return self.project(self.pool(feature), feature.valid)


@MODELS.register_module()
class PlainEncoder(BaseModule):
    """Encoder made of a module that returns embeddings ``(N, D)`` of the data ``(N, ...)`` of a view, a plain tensor.

    It has no feature map, so methods that change one (AimCLR, Sync3D, Classifier) refuse it.

    Args:
        module: The module, or its config.
        projector: Config of a projection neck, or a module; probes see the features before it. ``None``: no projector.
        out_channels: D; ``None``: ``module.out_channels``, or the ``out_features`` of the last layer of an
            ``nn.Sequential``.
        init_cfg: MMEngine's initialization config.
    """

    def __init__(
        self, module: Part, projector: OptPart = None, out_channels: Optional[int] = None, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(init_cfg)
        self.module, self.projector = MODELS.build(module), None
        self.pooled_channels = out_channels or _width(self.module)
        if projector is not None:
            filled = {} if self.pooled_channels is None else dict(in_channels=self.pooled_channels)
            self.projector = NECKS.build(projector, default_args=filled)

    @property
    def out_channels(self) -> int:
        """D of the embeddings, which some methods need; a ConfigError if it is not known."""
        width = self.pooled_channels if self.projector is None else _width(self.projector)
        if width is None:
            raise ConfigError(f"PlainEncoder: give out_channels, the width D of {type(self.module).__name__}'s output")
        return width

    @property
    def backbone(self) -> nn.Module:
        """Refused, as :meth:`forward_map`."""
        name = type(self.module).__name__
        raise ConfigError(f"{name} gives no feature map, which this method needs; write a backbone of it")

    def forward_map(self, view: Union[View, Tensor]) -> FeatureMap:
        """Refused: there is no feature map."""
        return self.backbone(view)

    def extract(self, view: Union[View, Tensor]) -> Tensor:
        """Extract the module's features ``(N, D)`` for probes."""
        data = as_view(view).data
        out = self.module(data)
        right = isinstance(out, Tensor) and out.dim() == 2 and len(out) == len(data)
        if not right or out.shape[1] != (self.pooled_channels or out.shape[1]):
            found = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
            wanted = f"a tensor (N, D), here ({len(data)}, {self.pooled_channels or 'D'})"
            raise ContractError(f"{type(self.module).__name__} returns {found}; a plain encoder returns {wanted}")
        return out

    def forward(self, view: Union[View, Tensor]) -> Tensor:
        """Compute the embedding for losses, ``(N, D)``."""
        feature = self.extract(view)
        return feature if self.projector is None else self.projector(feature)


def build_encoder(encoder: Part) -> Any:
    """An encoder from a config, an encoder, a backbone, or any other module that returns ``(N, D)`` for a tensor."""
    built = MODELS.build(encoder)
    if hasattr(built, "extract"):
        return built
    return Encoder(built) if hasattr(built, "forward_rows") or hasattr(built, "modality") else PlainEncoder(built)


def as_view(view: Union[View, Tensor]) -> View:
    """A view as it is, or one of the data alone, in which all are present and valid."""
    return view if isinstance(view, View) else View(view)


def _width(module: nn.Module) -> Optional[int]:
    while isinstance(module, nn.Sequential) and len(module):
        module = module[-1]
    return getattr(module, "out_channels", getattr(module, "out_features", None))
