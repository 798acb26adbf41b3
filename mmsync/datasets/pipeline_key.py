"""A key for the result of a pipeline, under which its packed clips are kept on disk."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmsync.datasets import transforms as package
from mmsync.errors import ConfigError


def pipeline_key(transforms: Sequence[object], configs: Sequence[object]) -> str:
    """Describe a pipeline by its configs, the code of its transforms, and that of ``mmsync.datasets.transforms``."""
    files = set(Path(inspect.getfile(package)).parent.glob("*.py"))
    for transform in transforms:
        for base in type(transform).__mro__[:-1]:
            try:
                files.add(Path(inspect.getfile(base)))
            except (TypeError, OSError):  # typed into an interpreter, or built in
                continue
    code = hashlib.sha1(b"".join(file.read_bytes() for file in sorted(files, key=lambda file: (file.name, file))))
    return json.dumps([configs, code.hexdigest()], sort_keys=True, default=repr)


def config_of(transform: Any) -> Any:
    """The config of a transform; a ``ConfigError`` if it was built already."""
    if not isinstance(transform, dict):
        raise ConfigError(
            "SkeletonDataset: cache='disk' knows a pipeline by its configs; give dict(type=...), not "
            f"{type(transform).__name__} objects, or take cache=True"
        )
    return dict(transform)
