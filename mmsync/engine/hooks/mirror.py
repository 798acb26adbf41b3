"""Views that follow from the training data."""

from __future__ import annotations

from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log

from mmsync.datasets import SkeletonDataset
from mmsync.datasets.invariances import measure_dataset
from mmsync.datasets.view_advice import mirror_advice
from mmsync.errors import ConfigError
from mmsync.registry import HOOKS, TRANSFORMS


@HOOKS.register_module()
class MirrorIfSeenHook(Hook):
    """Add ``Mirror`` to a view if mirror images of the motions occur among the training clips of others.

    Where people use either hand, two mirrored clips are one motion; where the side tells motions apart, they are two.
    The training clips decide, without labels (:func:`mmsync.datasets.invariances.measure_dataset`), once before
    training, in some seconds; a resumed run decides the same. Views are in the body frame, whose x runs across the
    body.

    Args:
        view: Name of the view.
        clips: Training clips to look at.

    Raises:
        ConfigError: The training data are no skeletons, or the data preprocessor has no body frame or no such view.
    """

    priority = "NORMAL"

    def __init__(self, view: str = "first", clips: int = 600) -> None:
        self.view, self.clips = view, clips

    def before_train(self, runner: Any) -> None:
        """Measure, and add it."""
        model = getattr(runner.model, "module", runner.model)
        preprocessor, data = model.data_preprocessor, runner.train_dataloader.dataset
        if not isinstance(data, SkeletonDataset) or not getattr(preprocessor, "body_frame", False):
            text = "use it with a SkeletonDataset and SkeletonPreprocessor(body_frame=True)"
            raise ConfigError(f"MirrorIfSeenHook: {type(data).__name__}, {type(preprocessor).__name__}: {text}")
        if self.view not in preprocessor.views:
            raise ConfigError(
                f"MirrorIfSeenHook: view={self.view!r}, but the views are {', '.join(preprocessor.views) or 'none'}"
            )
        config, reason = mirror_advice(measure_dataset(data, self.clips, prepared=False)[0])
        if config is not None:
            mirror = TRANSFORMS.build({**config, "axis": 0}).bind(preprocessor.out_layout, preprocessor.out_coords)
            preprocessor.views[self.view].transforms.insert(0, mirror)
        if is_main_process():
            text = f"Mirror in view {self.view!r}, prob {config['prob']}: " if config else ""
            print_log(f"{text}{reason}", logger="current")
