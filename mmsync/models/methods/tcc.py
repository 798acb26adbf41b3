"""TCC (Dwibedi et al., 2019, Temporal Cycle-Consistency Learning)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from mmsync.errors import ConfigError
from mmsync.models.losses.cycle_consistency import CycleConsistencyLoss
from mmsync.models.methods.base import Samples, Views
from mmsync.models.methods.sequence import SequenceModel
from mmsync.registry import LOSSES, MODELS, OptConfig, OptPart, Part
from mmsync.structures import gather_frames, require_partners, same_activity_pairs


@MODELS.register_module()
class TCC(SequenceModel):
    """TCC: a frame's soft neighbor in another video of the activity should have that frame as its own neighbor.

    The view ``clip`` has a few frames of each video of a batch. All ordered pairs of videos of the same activity are
    compared; which videos come together is up to the batch sampler. Their activity is used for that, their phases are
    not.

    Args:
        encoder: Config of the encoder of frames.
        loss: Config of the loss; ``None``: ``CycleConsistencyLoss``.
        pairs: ``'all'``, or ``'random'``: random cycles through several videos, the stochastic form of the paper.
        cycles: Number of random cycles; each rank draws as many, through the sequences of all ranks.
        cycle_length: Videos in a random cycle, at least 2.
        data_preprocessor: Config of the preprocessor that makes the view ``clip (N, T, ...)``.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: Another choice of pairs, no cycle, or cycles of fewer than two videos.
    """

    views_needed = ("clip",)
    least_batch = 2
    criterion: CycleConsistencyLoss

    def __init__(
        self, encoder: Part, loss: OptConfig = None, pairs: Literal["all", "random"] = "all", cycles: int = 64,
        cycle_length: int = 2, data_preprocessor: OptPart = None, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(encoder, data_preprocessor, init_cfg)
        if pairs not in ("all", "random") or cycles < 1 or cycle_length < 2:
            text = "use 'all' or 'random', and give 1 or more cycles of 2 or more videos"
            raise ConfigError(f"TCC: {pairs=}, {cycles=}, {cycle_length=}: {text}")
        self.pairs, self.cycles, self.cycle_length = pairs, cycles, cycle_length
        self.criterion = LOSSES.build(loss or dict(type="CycleConsistencyLoss"))

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_tcc``."""
        frames = self.frames(views["clip"], data_samples)
        if self.pairs == "random":
            every = gather_frames(frames)
            require_partners(every, self.cycle_length)
            about = (every.data, every.index, every.length, every.valid)
            return {"loss_tcc": self.criterion.stochastic(*about, self.cycles, self.cycle_length, every.activity)}
        first, second = same_activity_pairs(frames)
        loss = self.criterion(first.data, second.data, first.index, first.length, first.valid, second.valid)
        return {"loss_tcc": loss}
