"""Adjacency matrices equal those of the reference code, and a naive search for paths."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from mmsync.ops.graph import adjacency, hop_distance
from mmsync.structures import SkeletonLayout

REFERENCE = {  # name in the fixture: (layout, edge variant)
    "ntu-rgb+d": ("ntu25", "ntu-rgb+d"),
    "openpose": ("openpose18", "openpose"),
    "nw-ucla": ("kinect20", "nw-ucla"),
    "pyskl|nturgb+d": ("ntu25", "nturgb+d"),
    "pyskl|coco": ("coco17", "coco"),
    "pyskl|openpose": ("openpose18", None),
}


def test_every_reference_matrix_is_reproduced_exactly(fixture_root):
    reference = np.load(fixture_root / "skeleton" / "graph_adjacency.npz")
    seen = 0
    for key in reference.files:
        if key == "meta":
            continue
        graph, name, last = (
            key.rsplit("|", 2)
            if not key.startswith("pyskl")
            else (key.rsplit("|", 1)[0], key.rsplit("|", 1)[1], "hop1")
        )
        hop = int(last[3:])
        strategy = (
            {"spatial": "directed", "stgcn_spatial": "spatial", "binary_adj": "binary"}.get(name, name)
            if graph.startswith("pyskl")
            else name
        )
        layout_name, variant = REFERENCE[graph]
        layout = SkeletonLayout.get(layout_name)
        edges, v = layout.edge_list(variant), layout.num_joints
        if name == "hop_dis":
            found = hop_distance(v, edges, hop).numpy()
        else:
            found = adjacency(v, edges, layout.center, strategy, hop).numpy()
        np.testing.assert_array_equal(found, reference[key], err_msg=key)
        seen += 1
    assert seen > 30


def test_hop_distance_equals_breadth_first_search():
    layout = SkeletonLayout.get("coco17")
    edges, v = layout.edge_list(), layout.num_joints
    found = hop_distance(v, edges, v)
    for start in range(v):
        distance, todo = {start: 0}, deque([start])
        while todo:
            a = todo.popleft()
            for b in {y for x, y in edges if x == a} | {x for x, y in edges if y == a}:
                if b not in distance:
                    distance[b] = distance[a] + 1
                    todo.append(b)
        assert [distance.get(j, float("inf")) for j in range(v)] == found[start].tolist()


def test_partitions_of_every_layout_sum_to_the_uniform_graph():
    for name in SkeletonLayout.names():
        layout = SkeletonLayout.get(name)
        args = layout.num_joints, layout.edge_list(), layout.center
        for strategy in ("spatial", "distance"):
            np.testing.assert_allclose(adjacency(*args, strategy).sum(0), adjacency(*args, "uniform")[0], atol=1e-12)


def test_unknown_strategy_is_named():
    with pytest.raises(ValueError, match="'radial'"):
        adjacency(2, [(0, 1)], 0, "radial")


@pytest.mark.parametrize(("strategy", "parts"), [("directed", 3), ("binary", 1), ("uniform", 1), ("spatial", 3)])
def test_joints_without_bones_are_linked_to_themselves_only(strategy, parts):
    graph = adjacency(3, [], 0, strategy)
    assert graph.shape == (parts, 3, 3)
    wanted = np.zeros((3, 3)) if strategy == "binary" else np.eye(3)  # which has no links of joints to themselves
    np.testing.assert_array_equal(graph.sum(0).numpy(), wanted)
