"""Momentum contrast of the streams of a skeleton clip: what CrosSCLR and CMD share."""

from __future__ import annotations

import copy
import operator
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from mmengine.model import ModuleDict
from torch import Tensor

from mmsync.errors import ConfigError, LayoutError
from mmsync.models.losses.info_nce import queue_logits
from mmsync.models.methods.base import Columns, Samples, SelfSupervisedModel, Views
from mmsync.models.methods.moco import MoCo, similarity_gap
from mmsync.models.modules import Encoder
from mmsync.ops.streams import to_stream
from mmsync.registry import OptConfig, OptPart, Part
from mmsync.structures import SkeletonLayout, View

STREAMS = ("joint", "motion", "bone")


class Contrast(NamedTuple):
    """What a step of momentum contrast gives for one stream."""

    logits: Tensor  # (N, 1 + K), the key in column 0
    key: Tensor  # (N, D), unit rows
    queue: Tensor  # (D, K), unit columns, before the keys enter


def layout_of(encoder: Encoder, method: str) -> SkeletonLayout:
    """Layout of an encoder's backbone, or a LayoutError if there is none, or one without bones."""
    layout = getattr(encoder.backbone, "layout", None)
    if layout is None or all(a == b for a, b in layout.bones):
        text = "its backbone has no layout" if layout is None else f"layout {layout.name!r} has none"
        raise LayoutError(f"{method} needs the bones of a skeleton layout, and {text}; use a skeleton backbone")
    return layout


class StreamContrast(SelfSupervisedModel):
    """Base of momentum contrast with one encoder, key encoder and queue for each stream; a subclass writes ``loss``.

    The preprocessor gives joints: the streams are made here, of one augmented clip, and their queues hold the same
    clips in the same places. Probes see ``feature``, the streams' features side by side (what ``view='all'`` of the
    released code sums up linearly), and ``feature_joint``, ``feature_motion`` and ``feature_bone``.

    Args:
        encoder: Config of the encoder of each stream, with a projector, or a module to copy.
        data_preprocessor: Config of the preprocessor that makes the views ``query`` and ``key``, of joints.
        queue_size: Number K of keys in the queue.
        momentum: Momentum of the key encoders, in [0, 1].
        temperature: Temperature tau, above 0.
        key_init: As of :class:`MoCo`.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A number out of range, or a preprocessor that makes another stream.
        LayoutError: A layout without bones.
    """

    encoders = views_for_features = STREAMS
    views_needed = ("query", "key")
    fuses = True
    parents: Tensor

    def __init__(
        self, encoder: Part, data_preprocessor: OptPart = None, queue_size: int = 32768, momentum: float = 0.999,
        temperature: float = 0.07, key_init: Literal["copy", "reference"] = "copy", init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(data_preprocessor, init_cfg)
        name, stream = type(self).__name__, getattr(self.data_preprocessor, "stream", "joint")
        if stream != "joint":
            text = f"{name} makes the streams itself, of joints; set it to 'joint'"
            raise ConfigError(f"model.data_preprocessor.stream={stream!r}: {text}")
        settings = (None, queue_size, momentum, temperature, key_init)
        self.streams = ModuleDict({stream: MoCo(copy.deepcopy(encoder), *settings) for stream in STREAMS})
        layout = layout_of(self.feature_encoder("joint"), name)
        self.register_buffer("parents", torch.tensor(layout.parents), persistent=False)
        self.temperature = temperature

    joint, motion, bone = (property(operator.attrgetter(f"streams.{name}.encoder")) for name in STREAMS)

    def feature_encoder(self, name: str) -> Encoder:
        """The query encoder of a stream."""
        return self.streams[name].encoder

    @classmethod
    def encoder_prefixes(cls, cfg: Mapping[str, Any]) -> dict[str, str]:
        """Prefixes, by stream, of the weights that produce the features."""
        return {name: f"streams.{name}.encoder." for name in cls.encoders}

    @classmethod
    def encoder_config(cls, cfg: Mapping[str, Any], name: str) -> tuple[Any, Mapping[str, Any]]:
        """Config of the encoder, and that of a preprocessor that makes its stream."""
        return cfg.get("encoder"), {**(cfg.get("data_preprocessor") or {}), "stream": name}

    def stream(self, view: View, name: str) -> View:
        """A stream of joints ``(N, M, T, V, C)``, of the same shape."""
        coords = getattr(self.data_preprocessor, "num_coords", min(3, view.data.shape[-1]))
        return view._replace(data=to_stream(view.data, name, self.parents, coords))

    def contrast(self, views: Views, moving: Sequence[str] = STREAMS) -> tuple[dict[str, Contrast], dict[str, Tensor]]:
        """One step of every stream, whose keys enter its queue, and values for the log.

        Args:
            views: ``query`` and ``key``.
            moving: Streams whose key encoder is updated.
        """
        for name in moving:  # all before any encodes: they may share layers
            self.streams[name].key_encoder.update(self.streams[name].encoder)
        found, gaps = {}, []
        for name, moco in self.streams.items():
            query = F.normalize(moco.encoder(self.stream(views["query"], name)), dim=1)
            key = F.normalize(moco.key_encoder(self.stream(views["key"], name)), dim=1)
            queue = moco.queue.snapshot()
            moco.queue.enqueue(key)
            found[name] = Contrast(queue_logits(query, key, queue, self.temperature), key, queue)
            gaps.append(similarity_gap(found[name].logits, self.temperature))
        return found, {key: torch.stack([gap[key] for gap in gaps]).mean() for key in gaps[0]}

    def predictions(self, views: Views, data_samples: Samples = None) -> Columns:
        """``feature (N, 3 D)`` of all streams, and ``feature_<stream> (N, D)`` of each."""
        found: Any = [self.feature_encoder(name).extract(self.stream(views[name], name)) for name in STREAMS]
        return {"feature": torch.cat(found, 1), **{f"feature_{name}": x for name, x in zip(STREAMS, found)}}

    def extract_feat(self, views: Views, data_samples: Samples = None) -> Any:
        """Features of all streams side by side, ``(N, 3 D)``."""
        return self.predictions(views)["feature"]
