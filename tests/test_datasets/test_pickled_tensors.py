"""Tensors in pickles are read without torch, and without running what else such a pickle may hold."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from mmsync.datasets.sources import load_pickle
from mmsync.errors import DataError


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickled_tensors_equal_those_of_torch(tmp_path, protocol):
    rng = torch.Generator().manual_seed(0)
    kinds = (torch.float16, torch.float32, torch.float64, torch.int8, torch.uint8, torch.int16, torch.int32, torch.bool)
    tensors = [torch.randint(0, 2, (2, 3), generator=rng).to(kind) for kind in kinds]
    tensors += [torch.arange(12).reshape(3, 4)[1:], torch.tensor(3), torch.zeros(0, 4), torch.arange(5)[2:3]]
    (tmp_path / "t.pkl").write_bytes(pickle.dumps(tensors, protocol))
    for found, wanted in zip(load_pickle(tmp_path / "t.pkl", tensors=True), tensors):
        np.testing.assert_array_equal(found, wanted.numpy())
        assert (found.dtype, found.shape) == (wanted.numpy().dtype, tuple(wanted.shape))
    with pytest.raises(DataError, match=r"refused, the pickle contains torch._utils"):
        load_pickle(tmp_path / "t.pkl")


class _Runs:
    def __init__(self, function, *arguments):
        self.parts = function, arguments

    def __reduce__(self):
        return self.parts


def test_code_inside_a_pickled_storage_is_not_run(tmp_path):
    inner = pickle.dumps(_Runs(exec, f"open({str(tmp_path / 'ran')!r}, 'w')"))
    outer = pickle.dumps(_Runs(torch.storage._load_from_bytes, inner))
    (tmp_path / "t.pkl").write_bytes(outer)
    with pytest.raises(DataError, match=r"builtins.exec"):
        load_pickle(tmp_path / "t.pkl", tensors=True)
    assert not (tmp_path / "ran").exists()


def test_a_tensor_cannot_reach_beyond_its_storage(tmp_path):
    storage = torch.arange(4).untyped_storage()
    inner = torch.storage.TypedStorage(wrap_storage=storage, dtype=torch.int64, _internal=True)
    for offset, size, stride in (
        (2, (3,), (1,)),
        (-1, (2,), (1,)),
        (0, (2, 3), (3, 1)),
        (0, (4,), ()),
        (0, (-2, -2), (1, 1)),
    ):
        value = _Runs(torch._utils._rebuild_tensor_v2, inner, offset, size, stride, False, {})
        (tmp_path / "t.pkl").write_bytes(pickle.dumps(value))
        with pytest.raises(DataError):
            load_pickle(tmp_path / "t.pkl", tensors=True)
