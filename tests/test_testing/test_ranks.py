"""Processes of ``on_ranks``: what they get, that they are no forks, and whose error is reported."""

from __future__ import annotations

import os

import pytest
import torch
import torch.distributed as dist

from mmsync.testing import on_ranks

pytestmark = pytest.mark.dist


def test_functions_of_a_test_and_their_arguments(tmp_path, monkeypatch):
    monkeypatch.setenv("MMSYNC_OF_A_TEST", "seen")
    monkeypatch.chdir(tmp_path)
    x = torch.arange(3.0)
    found = on_ranks(lambda rank, y: (x + rank * y, os.environ["MMSYNC_OF_A_TEST"], os.getcwd()), x, size=3)
    for rank, (value, *rest) in enumerate(found):
        torch.testing.assert_close(value, x + rank * x)
        assert rest == ["seen", str(tmp_path)]


def test_they_are_no_forks_so_that_threads_of_autograd_do_no_harm():
    assert os.getpid() not in on_ranks(lambda rank: os.getppid())


def test_the_error_is_that_of_the_rank_that_failed():
    def fails(rank):
        if rank:
            raise ValueError("rank 1 has no clips")
        dist.all_reduce(x := torch.ones(1))
        return x

    with pytest.raises(Exception, match="ValueError: rank 1 has no clips"):
        on_ranks(fails)
