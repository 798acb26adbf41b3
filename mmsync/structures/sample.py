"""The labels and results that travel beside the tensors of a batch."""

from __future__ import annotations

from mmengine.structures import BaseDataElement


class MotionSample(BaseDataElement):
    """One clip's label, feature and origin.

    Data fields:
        gt_label (int): Class index; -1 where the clip has no label.
        feature (Tensor): ``(D,)``, set by ``predict``.
        pred_score (Tensor): ``(num_classes,)`` logits, set by a classifier's ``predict``.

    Meta fields:
        name (str): The clip's name in its data set.
        index (int): Its index in the dataset object.
        role (str): ``'train'``, ``'bank'`` or ``'query'``.
    """
