"""Checks that a component keeps the contract of its kind, for anyone's tests; mmsync's own tests run them, too.

    from mmsync.testing import check_backbone
    check_backbone(dict(type="MyNet"))

Each takes a config, an object, or a function that makes one, and raises a :class:`~mmsync.errors.ContractError` (which
is an ``AssertionError``) that names the component, what its kind promises, and what it does instead.
"""

from mmsync.errors import ContractError
from mmsync.testing.data import check_dataset, check_source
from mmsync.testing.evaluation import check_metric, check_probe, example_table
from mmsync.testing.examples import (
    example_map,
    example_samples,
    example_view,
    sequences,
    skeletons,
    spectrograms,
    tracks,
    view_for,
)
from mmsync.testing.losses import check_loss
from mmsync.testing.models import check_backbone, check_head, check_method, check_neck
from mmsync.testing.parts import check_docstring
from mmsync.testing.ranks import on_ranks
from mmsync.testing.training import check_hook
from mmsync.testing.views import check_augmentation

__all__ = [
    "ContractError",
    "check_augmentation",
    "check_backbone",
    "check_dataset",
    "check_docstring",
    "check_head",
    "check_hook",
    "check_loss",
    "check_method",
    "check_metric",
    "check_neck",
    "check_probe",
    "check_source",
    "example_map",
    "example_samples",
    "example_table",
    "example_view",
    "on_ranks",
    "sequences",
    "skeletons",
    "spectrograms",
    "tracks",
    "view_for",
]
