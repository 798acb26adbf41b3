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

    @classmethod
    def quick(cls, gt_label: int, metainfo: dict[str, object]) -> MotionSample:
        """Do as the constructor, without its copies and checks, which cost more than a batch of mapped clips."""
        sample = cls.__new__(cls)
        fields = dict(_metainfo_fields=set(metainfo), _data_fields={"gt_label"})
        sample.__dict__.update(metainfo, gt_label=gt_label, **fields)
        return sample
