"""The labels and results that travel beside the tensors of a batch."""

from __future__ import annotations

from mmengine.structures import BaseDataElement


class MotionSample(BaseDataElement):
    """Label and origin of one clip: ``gt_label`` is its class index, -1 for unknown.

    Meta fields are ``name``, ``index`` in the data set object, and ``role``: ``'train'``, ``'bank'`` or ``'query'``.
    """

    @classmethod
    def quick(cls, gt_label: int, metainfo: dict[str, object]) -> MotionSample:
        """Do as the constructor, without its copies and checks, which cost more than a batch of mapped clips."""
        sample = cls.__new__(cls)
        fields = dict(_metainfo_fields=set(metainfo), _data_fields={"gt_label"})
        sample.__dict__.update(metainfo, gt_label=gt_label, **fields)
        return sample
