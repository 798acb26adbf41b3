"""An encoder and the views that it sees as one graph of tensors: ONNX, or a program of ``torch.export``."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Literal, Optional, Union

import torch
from torch import Tensor, nn

from mmsync.apis.features import encoder_of, feature_column
from mmsync.errors import ConfigError, DependencyError, ProtocolError
from mmsync.fileio import atomic_path
from mmsync.models.methods import SelfSupervisedModel

AXES = {  # of a graph's input, by modality; a sequence's frames have any number of further axes
    "skeleton": ("batch", "persons", "frames", "joints", "channels"),
    "video": ("batch", "frames", "height", "width", "channels"),
    "audio": ("batch", "channels", "samples"),
    "sequence": ("batch", "frames"),
}
FREE = ("batch", "persons", "frames", "samples")


class ClipFeatures(nn.Module):
    """What a model predicts of plain clips: the preprocessor's view of evaluation, encoder and pooling.

    Absent persons are computed, too, and left out by the pooling: the same features, and no shape depends on values.
    """

    def __init__(self, model: Any, encoder: Optional[str] = None) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).cpu().eval()
        for part in self.model.modules():
            if hasattr(part, "skip_absent"):
                part.skip_absent = False
        self.view, self.preprocessor = input_of(self.model, encoder)
        kinds = ("extract_feat", "predictions")[: 1 + (len(model.encoders) == 1)]  # where a method mixes its features
        own = any(getattr(type(model), kind, None) is not getattr(SelfSupervisedModel, kind) for kind in kinds)
        whole = getattr(model, "fuses", False) or (encoder is None and own)
        self.column = feature_column(type(model), encoder) if hasattr(model, "extract_feat") else "score"
        name = encoder_of(type(model), encoder)
        self.encoder = None if whole else getattr(self.model, "feature_encoder", self.model.get_submodule)(name)

    def forward(self, clips: Tensor) -> Tensor:
        """Features ``(N, D)``, or ``(N, T', D)`` of a pooling that keeps frames; a classifier's logits."""
        part = self.preprocessor
        view = part.finish(part.for_evaluation(part.to_view(clips)))._replace(index=None)
        if self.encoder is None:
            views = dict.fromkeys(self.model.views_for_features, view)
            frames = getattr(self.model, "frame_features", None)
            return frames(views)[0] if frames else self.model.predictions(views)[self.column]
        encoder: Any = self.encoder
        if not hasattr(encoder, "probe_neck") or encoder.frozen is not None or encoder.whitening is not None:
            return encoder.extract(view)
        return encoder.probe_neck(encoder.forward_map(view))  # of frames, too, which extract cuts apart


def input_of(model: Any, encoder: Optional[str] = None) -> tuple[str, Any]:
    """Name of an encoder's view, and the data preprocessor that makes it."""
    view = dict(zip(model.encoders, model.views_for_features))[encoder_of(type(model), encoder)]
    whole = model.data_preprocessor
    return view, whole.parts[whole.owners[view]] if hasattr(whole, "parts") else whole


def export_model(
    model: Any, clips: Tensor, out: Union[str, Path], format: Literal["onnx", "pt2"] = "onnx",
    encoder: Optional[str] = None,
) -> tuple[Union[str, int], ...]:  # fmt: skip
    """Write an encoder, with the preprocessing of evaluation, as a graph of clips to features.

    Batch, persons and frames have any length, unless the encoder's code fixes it. All frames count, and persons whose
    joints are all zero are absent.

    Args:
        model: Of :func:`mmsync.apis.init_model`.
        clips: An example: two clips or more, with two persons and ten frames or more where the model has them.
        out: The file.
        format: ``'onnx'``, with the input ``clips`` and the output ``feature``, or ``'pt2'`` for ``torch.export.load``.
        encoder: Name of the encoder; ``None``: the features that probes see, or a classifier's logits.

    Returns:
        Shape of the input: the name of a free axis, the length of a fixed one.

    Raises:
        ConfigError: Clips of another number of axes.
        DependencyError: The packages of the extra ``export`` are missing, or torch is older than 2.9.
        ProtocolError: PyTorch cannot trace or translate the encoder.
    """
    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 9):
        raise DependencyError(f"export needs torch 2.9 or newer, best 2.13; this is {torch.__version__}")
    names = AXES[(modality := (net := ClipFeatures(model, encoder)).preprocessor.modality)]
    if modality in ("video", "audio") and clips.dim() > len(names):
        names = (names[0], "tracks", *names[1:])
    if clips.dim() < len(names):
        raise ConfigError(f"clips are {tuple(clips.shape)}; give ({', '.join(names)})")
    beside = any(getattr(part, "num_persons", 1) > 1 for part in net.modules())  # persons in one row
    axes = {i: name for i, name in enumerate(names) if name in FREE and not (beside and name == "persons")}
    with torch.no_grad(), atomic_path(out) as temporary:
        net.requires_grad_(False)  # of a copy; the outputs of a saved program need no gradient
        net.preprocessor.prepare(clips, ())  # its checks, and what else is done once, are no part of the graph
        net(clips)
        try:
            free = _write(net, clips, axes, format, temporary)
        except ProtocolError:  # some encoders pad by the number of frames, which ONNX cannot
            free = _write(net, clips, {0: "batch"}, format, temporary)
    return tuple(free.get(i, int(size)) for i, size in enumerate(clips.shape))


def _write(net: ClipFeatures, clips: Tensor, axes: dict[int, str], format: str, path: Path) -> dict[int, str]:
    """Write a graph; return those of the axes that are free."""
    try:
        shapes = ({i: torch.export.Dim.AUTO for i in axes},)
        program = torch.export.export(net, (clips,), dynamic_shapes=shapes, strict=True)
        found = next(node.meta["val"].shape for node in program.graph.nodes if node.name == "clips")
        free = {i: name for i, name in axes.items() if not isinstance(found[i], int)}
        graph: Any = program.module()
        if format == "onnx":
            names: dict[str, Any] = dict(input_names=["clips"], output_names=["feature"], dynamic_shapes=(free,))
            graph = torch.onnx.export(program, (), dynamo=True, verbose=False, **names)
        for share in (0.75, 1.5):  # some axes look free, but a graph of another size fails, or gives other features
            cut = tuple(slice(int(share * size) if i in free else size) for i, size in enumerate(clips.shape))
            other = clips.repeat([1 + (i in free) for i in range(clips.dim())])[cut]
            given, expected = graph(other), net(other)
            given = given if isinstance(given, Tensor) else given[0]
            atol = 1e-3 * expected.abs().amax().item()
            torch.testing.assert_close(given, expected, rtol=0, atol=atol, msg=lambda text: f"other sizes: {text}")
        graph.save(path) if format == "onnx" else torch.export.save(program, path)
    except ImportError as error:
        raise DependencyError(f'ONNX needs more packages ({error}): pip install "mmsync[export]"') from error
    except Exception as error:  # of many classes, most of them private
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        reason = next((line for line in lines if "No ONNX function" in line), lines[0])
        one = "" if net.encoder else f"; one of its encoders may be, by encoder={net.model.encoders[0]!r}"
        raise ProtocolError(f"{type(net.model).__name__} cannot be exported: {reason[:300]}{one}") from error
    return free
