"""Skeleton layouts: which joints there are, what they hang on, and how one layout is read as another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional, Union

import numpy as np

from mmsync.errors import LayoutError, did_you_mean, nearest

Pairs = tuple[tuple[int, int], ...]

PICTURE_LAYOUTS = ("coco17", "penn13", "jhmdb15", "openpose18", "openpose25")
"""Layouts of detectors that look at pictures: three channels are x, y and score, unless told otherwise."""


@dataclass(frozen=True)
class SkeletonLayout:
    """The joints of a skeleton, ``V`` of them, and their tree; a LayoutError if its parts contradict each other.

    Args:
        name: Name of the layout.
        joints: Joint names, ``(V,)``. Layouts share one vocabulary (``left_elbow``), which is what remaps go by.
        parents: Parent of each joint, ``(V,)``, in ``[0, V)``; a root is its own parent.
        left: Joints of the left side.
        right: Their partners on the right side, in the same order.
        center: The joint that graph partitions measure from and that clips are centered on.
        edges: Edge lists by variant name, pairs of ``(child, parent)`` without self loops. The first is the default;
            empty means the tree of ``parents`` under the name ``tree``.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    left: tuple[int, ...] = ()
    right: tuple[int, ...] = ()
    center: int = 0
    edges: Mapping[str, Pairs] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        problems = _problems(self)
        if problems:
            raise LayoutError(f"layout {self.name!r}: " + "; ".join(problems))
        if not self.edges:
            object.__setattr__(self, "edges", {"tree": tuple(b for b in self.bones if b[0] != b[1])})

    def __str__(self) -> str:
        return self.name

    @property
    def num_joints(self) -> int:
        """Number of joints ``V``."""
        return len(self.joints)

    @property
    def bones(self) -> Pairs:
        """``(child, parent)`` for every joint, in joint order; a root's bone ``(r, r)`` is zero."""
        return tuple(enumerate(self.parents))

    @property
    def flip_index(self) -> tuple[int, ...]:
        """Permutation ``(V,)`` that swaps left and right: ``x[..., flip_index, :]``."""
        index = list(range(self.num_joints))
        for a, b in zip(self.left, self.right):
            index[a], index[b] = b, a
        return tuple(index)

    @property
    def body_parts(self) -> tuple[tuple[int, ...], ...]:
        """Joints of the trunk with the head, of either arm and either leg; a LayoutError if a part has none."""
        parts = self._parts()
        empty = [name for name, joints in parts.items() if not joints]
        if empty:
            raise LayoutError(f"layout {self.name!r} has no joint of the {empty[0]}, so it has no body parts")
        return tuple(map(tuple, parts.values()))

    @property
    def named_parts(self) -> tuple[tuple[int, ...], ...]:
        """The same of those parts that have a joint; all joints are one part of a layout that names none of them."""
        return tuple(tuple(joints) for joints in self._parts().values() if joints)

    def _parts(self) -> dict[str, list[int]]:
        parts: dict[str, list[int]] = {name: [] for name in ("trunk", "left arm", "right arm", "left leg", "right leg")}
        for index, joint in enumerate(self.joints):
            side, _, limb = joint.partition("_")
            name = f"{side} {_LIMBS.get(limb)}"
            parts[name if name in parts else "trunk"].append(index)
        return parts

    def joint(self, which: Union[int, str]) -> int:
        """Index of a joint, given its index in ``[-V, V)``, its name, or ``'center'``; a LayoutError without one."""
        if isinstance(which, int) and -self.num_joints <= which < self.num_joints:
            return which % self.num_joints
        if which == "center":
            return self.center
        if which in self.joints:
            return self.joints.index(str(which))
        raise LayoutError(f"layout {self.name!r} has no joint {which!r}{_nearest(which, self.joints)}")

    def edge_list(self, variant: Optional[str] = None) -> Pairs:
        """Edges ``(child, parent)`` of a variant, or a LayoutError; ``None`` is the default one."""
        if variant is None:
            return next(iter(self.edges.values()))
        if variant not in self.edges:
            raise LayoutError(f"layout {self.name!r} has no edge variant {variant!r}{_nearest(variant, self.edges)}")
        return self.edges[variant]

    @staticmethod
    def get(name: str) -> SkeletonLayout:
        """The registered layout of that name, or a LayoutError."""
        if name not in _LAYOUTS:
            raise LayoutError(f"there is no skeleton layout {name!r}{_nearest(name, _LAYOUTS)}")
        return _LAYOUTS[name]

    @staticmethod
    def names() -> tuple[str, ...]:
        """Names of all registered layouts."""
        return tuple(_LAYOUTS)

    @staticmethod
    def from_config(cfg: Union[str, Mapping, SkeletonLayout]) -> SkeletonLayout:
        """A layout from a registered name, or a dict of the fields; a LayoutError for anything else.

        In a dict, joints are names, or their number, and are referred to by name or index.
        """
        if isinstance(cfg, SkeletonLayout):
            return cfg
        if isinstance(cfg, str):
            return SkeletonLayout.get(cfg)
        if not isinstance(cfg, Mapping):
            raise LayoutError(f"a layout is a name or a dict, not {type(cfg).__name__} {cfg!r}")
        unknown = set(cfg) - set(SkeletonLayout.__dataclass_fields__)
        missing = {"name", "joints", "parents"} - set(cfg)
        if unknown or missing:
            hints = [f"unknown key {k!r}{_nearest(k, SkeletonLayout.__dataclass_fields__)}" for k in sorted(unknown)]
            hints += [f"{k!r} is missing" for k in sorted(missing)]
            raise LayoutError(f"layout {cfg.get('name')!r}: " + "; ".join(hints))
        joints = cfg["joints"]
        joints = tuple(f"joint_{j}" for j in range(joints)) if isinstance(joints, int) else tuple(joints)

        def index(which: Union[int, str]) -> int:
            if isinstance(which, str):
                if which not in joints:
                    raise LayoutError(f"layout {cfg['name']!r} has no joint {which!r}{_nearest(which, joints)}")
                return joints.index(which)
            return which

        pairs = {k: tuple((index(a), index(b)) for a, b in v) for k, v in cfg.get("edges", {}).items()}
        return SkeletonLayout(
            name=cfg["name"],
            joints=joints,
            parents=tuple(index(j) for j in cfg["parents"]),
            left=tuple(index(j) for j in cfg.get("left", ())),
            right=tuple(index(j) for j in cfg.get("right", ())),
            center=index(cfg.get("center", 0)),
            edges=pairs,
        )


def register_layout(layout: Union[SkeletonLayout, Mapping], force: bool = False) -> SkeletonLayout:
    """Make a layout known by its name; a LayoutError if a different one has it, and not ``force``."""
    layout = SkeletonLayout.from_config(layout)
    if not force and _LAYOUTS.get(layout.name, layout) != layout:
        raise LayoutError(f"a different layout {layout.name!r} is registered; choose another name or give force=True")
    _LAYOUTS[layout.name] = layout
    return layout


def remap_index(src: Union[str, SkeletonLayout], dst: Union[str, SkeletonLayout]) -> list[tuple[int, ...]]:
    """How to read one layout as another: for each joint of ``dst`` the joints of ``src`` to average, or a LayoutError.

    A joint of the same name is taken over; others are the mean of joints, in which one may occur twice, as a weight.
    """
    src, dst = SkeletonLayout.from_config(src), SkeletonLayout.from_config(dst)
    found = _found(src, dst)
    lacking = [j for j, at in found.items() if not at]
    if lacking:
        into = [n for n in _LAYOUTS if n != src.name and _can_remap(src, _LAYOUTS[n])]
        onto = [n for n in _LAYOUTS if n != dst.name and _can_remap(_LAYOUTS[n], dst)]
        raise LayoutError(
            f"no remap {src.name} -> {dst.name}: {src.name} has nothing for {', '.join(lacking)}. "
            f"From {src.name} one can get to: {', '.join(into) or 'none'}; "
            f"to {dst.name} from: {', '.join(onto) or 'none'}"
        )
    return list(found.values())


def remap_matrix(src: Union[str, SkeletonLayout], dst: Union[str, SkeletonLayout]) -> np.ndarray:
    """The same as weights ``(V_dst, V_src)`` float64, whose rows sum to 1."""
    src, dst = SkeletonLayout.from_config(src), SkeletonLayout.from_config(dst)
    return _weights(remap_index(src, dst), src)


def body_matrix(src: Union[str, SkeletonLayout]) -> np.ndarray:
    """Weights ``(20, V)`` float64 that read any layout of a body as ``kinect20``, whose rows sum to 1.

    A joint that cannot be had stands at its nearest ancestor that can, such as hips in the pelvis.

    Raises:
        LayoutError: The pelvis, the top of the spine or a shoulder cannot be had.
    """
    src, dst = SkeletonLayout.from_config(src), SkeletonLayout.get("kinect20")
    found = _found(src, dst)
    lacking = [j for j in ("pelvis", "spine_shoulder", "left_shoulder", "right_shoulder") if not found[j]]
    if lacking:
        advice = "name its joints as those of ntu25 or coco17, pelvis or both hips among them"
        raise LayoutError(f"layout {src.name!r} is no body: it has nothing for {', '.join(lacking)}; {advice}")
    parents = dict(zip(dst.joints, (dst.joints[parent] for parent in dst.parents)))
    for joint in ("head", *(j for j in dst.joints if j.startswith(_SIDES))):  # along each limb, outwards
        found[joint] = found[joint] or found[parents[joint]]
    return _weights(list(found.values()), src)


def _found(src: SkeletonLayout, dst: SkeletonLayout) -> dict[str, tuple[int, ...]]:
    """The joints of ``src`` to average for each joint of ``dst``; empty if it cannot be had."""
    return {j: _find(j if j in src.joints else f"{dst.name}:{j}", src.joints, ()) for j in dst.joints}


def _weights(index: Sequence[tuple[int, ...]], src: SkeletonLayout) -> np.ndarray:
    weights = np.zeros((len(index), src.num_joints))
    for row, parts in zip(weights, index):
        np.add.at(row, list(parts), 1 / len(parts))
    return weights


def _can_remap(src: SkeletonLayout, dst: SkeletonLayout) -> bool:
    return all(_find(j, src.joints, ()) for j in dst.joints)


def _find(name: str, joints: Sequence[str], asked: tuple[str, ...]) -> tuple[int, ...]:
    """The joints whose mean is ``name``; empty if it cannot be had. ``asked`` breaks circles among the rules."""
    if name in joints:
        return (joints.index(name),)
    if name not in _RULES:
        name = name.rpartition(":")[2]
    for rule in _RULES.get(name, ()):
        if not set(rule) & set(asked):
            parts = [_find(part, joints, (*asked, name)) for part in rule]
            if all(parts):
                size = max(len(p) for p in parts)
                if any(size % len(p) for p in parts):
                    continue
                # repeats keep the weights of the parts equal when one part is itself a mean
                return tuple(j for p in parts for j in p * (size // len(p)))
    return ()


def _nearest(name: object, known: Union[Mapping, Sequence]) -> str:
    hint = did_you_mean(nearest(str(name), list(known))[:1]) or "."
    return f"{hint} There are: {', '.join(known)}"


def _problems(layout: SkeletonLayout) -> list[str]:
    num, out = layout.num_joints, []
    lists = {"parents": layout.parents, "left": layout.left, "right": layout.right, "center": (layout.center,)}
    lists.update({f"edges[{k!r}]": tuple(j for e in v for j in e) for k, v in layout.edges.items()})
    for key, values in lists.items():
        bad = [j for j in values if not isinstance(j, int) or not 0 <= j < num]
        if bad:
            out.append(f"{key} has {bad[0]!r}, which is no joint index in [0, {num})")
    if len(set(layout.joints)) < num:
        out.append("joint names are not unique")
    if len(layout.parents) != num:
        out.append(f"{len(layout.parents)} parents for {num} joints")
    if len(layout.left) != len(layout.right):
        out.append(f"{len(layout.left)} left joints but {len(layout.right)} right ones")
    if len({*layout.left, *layout.right}) < len(layout.left) + len(layout.right):
        out.append("a joint occurs twice in left and right")
    if out:
        return out
    depth = list(range(num))
    for _ in range(num):
        depth = [layout.parents[j] for j in depth]
    if any(layout.parents[j] != j for j in depth):  # after V steps up every joint of a tree stands on a root
        out.append("parents run in a circle; a root must be its own parent")
    loops = [k for k, v in layout.edges.items() if any(a == b for a, b in v)]
    if loops:
        out.append(f"edges[{loops[0]!r}] has a self loop; graphs add their own")
    return out


_SIDES = ("left", "right")
_LIMBS = {
    **dict.fromkeys(("shoulder", "elbow", "wrist", "hand", "hand_tip", "thumb"), "arm"),
    **dict.fromkeys(("hip", "knee", "ankle", "foot", "big_toe", "small_toe", "heel"), "leg"),
}


def _both(rules: dict[str, list[tuple[str, ...]]]) -> dict[str, list[tuple[str, ...]]]:
    """Rules of one side written out for both."""
    return {
        key.format(side): [tuple(part.format(side) for part in rule) for rule in alternatives]
        for side in _SIDES
        for key, alternatives in rules.items()
    }


# joint -> alternatives, each a tuple of joints whose mean stands for it; the first that the data has is taken.
# "layout:joint" are rules of one target layout.
_RULES: dict[str, list[tuple[str, ...]]] = {
    "pelvis": [("left_hip", "right_hip")],
    "neck": [("spine_shoulder",), ("left_shoulder", "right_shoulder")],
    "spine_shoulder": [("neck",), ("left_shoulder", "right_shoulder")],
    "spine": [("pelvis", "neck")],
    "head": [("left_ear", "right_ear"), ("nose",)],
    "h36m17:head": [("left_eye", "right_eye")],  # what MotionBERT's weights were trained with
    "nose": [("head",)],
    **_both(
        {
            "{}_eye": [("head",)],
            "{}_ear": [("head",)],
            "{}_wrist": [("{}_hand",)],
            "{}_hand": [("{}_wrist",)],
            "{}_ankle": [("{}_foot",)],
            "{}_foot": [("{}_big_toe",), ("{}_ankle",)],
            "{}_big_toe": [("{}_foot",)],
            "{}_small_toe": [("{}_big_toe",)],
            "{}_heel": [("{}_ankle",)],
        }
    ),
}


def _add(
    name: str, joints: str, parents: Mapping[str, str], center: str,
    edges: Optional[Mapping[str, Mapping[str, str]]] = None, keep_tree_as: str = "tree",
) -> None:  # fmt: skip
    """Register a shipped layout. ``edges`` gives, for each variant, only the parents that differ from the tree."""
    names = tuple(joints.split())
    at = {j: i for i, j in enumerate(names)}

    def tree(over: Mapping[str, str]) -> tuple[int, ...]:
        return tuple(at[over.get(j, parents.get(j, j))] for j in names)

    def pairs(over: Mapping[str, str]) -> Pairs:
        return tuple((c, p) for c, p in enumerate(tree(over)) if c != p)

    variants = {keep_tree_as: pairs({}), **{k: pairs(v) for k, v in (edges or {}).items()}}
    left = tuple(i for j, i in at.items() if j.startswith("left_"))
    right = tuple(at["right_" + names[i][len("left_") :]] for i in left)
    register_layout(SkeletonLayout(name, names, tree({}), left, right, at[center], variants))


def _arms_and_legs(chest: str, pelvis: str, arm: str, leg: str) -> dict[str, str]:
    """Parents along both arms and legs, each limb named from the trunk outwards."""
    parents: dict[str, str] = {}
    for side in _SIDES:
        for trunk, limb in ((chest, arm), (pelvis, leg)):
            chain = [trunk] + [f"{side}_{part}" for part in limb.split()]
            parents.update(zip(chain[1:], (c.format(side) for c in chain)))
    return parents


_LAYOUTS: dict[str, SkeletonLayout] = {}

# Kinect v2. In st-gcn's `ntu-rgb+d` the tip of the hand hangs on the thumb, in pyskl's `nturgb+d` both on the hand.
_add(
    "ntu25",
    "pelvis spine neck head "
    "left_shoulder left_elbow left_wrist left_hand right_shoulder right_elbow right_wrist right_hand "
    "left_hip left_knee left_ankle left_foot right_hip right_knee right_ankle right_foot "
    "spine_shoulder left_hand_tip left_thumb right_hand_tip right_thumb",
    {
        **_arms_and_legs("spine_shoulder", "pelvis", "shoulder elbow wrist hand thumb hand_tip", "hip knee ankle foot"),
        **{"pelvis": "spine", "spine": "spine_shoulder", "neck": "spine_shoulder", "head": "neck"},
    },
    center="spine_shoulder",
    keep_tree_as="ntu-rgb+d",
    edges={"nturgb+d": {"left_hand_tip": "left_hand", "right_hand_tip": "right_hand"}},
)
# Kinect v1, as in NW-UCLA; edges of CTR-GCN.
_add(
    "kinect20",
    "pelvis spine spine_shoulder head "
    "left_shoulder left_elbow left_wrist left_hand right_shoulder right_elbow right_wrist right_hand "
    "left_hip left_knee left_ankle left_foot right_hip right_knee right_ankle right_foot",
    {
        **_arms_and_legs("spine_shoulder", "pelvis", "shoulder elbow wrist hand", "hip knee ankle foot"),
        **{"pelvis": "spine", "spine": "spine_shoulder", "head": "spine_shoulder"},
    },
    center="spine_shoulder",
    keep_tree_as="nw-ucla",
)
_add(
    "sbu15",
    "head neck spine left_shoulder left_elbow left_hand right_shoulder right_elbow right_hand "
    "left_hip left_knee left_foot right_hip right_knee right_foot",
    {**_arms_and_legs("neck", "spine", "shoulder elbow hand", "hip knee foot"), "head": "neck", "neck": "spine"},
    center="spine",
)
_add(
    "coco17",
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow "
    "left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle",
    {
        **_arms_and_legs("nose", "{}_shoulder", "shoulder elbow wrist", "hip knee ankle"),
        **{"left_eye": "nose", "right_eye": "nose", "left_ear": "left_eye", "right_ear": "right_eye"},
    },
    center="nose",
    keep_tree_as="coco",
)
_add(
    "penn13",
    "head left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist "
    "left_hip right_hip left_knee right_knee left_ankle right_ankle",
    _arms_and_legs("head", "{}_shoulder", "shoulder elbow wrist", "hip knee ankle"),
    center="head",
)
# JHMDB; its face is the head, its belly the spine.
_add(
    "jhmdb15",
    "neck spine head right_shoulder left_shoulder right_hip left_hip right_elbow left_elbow right_knee left_knee "
    "right_wrist left_wrist right_ankle left_ankle",
    {**_arms_and_legs("neck", "spine", "shoulder elbow wrist", "hip knee ankle"), "head": "neck", "neck": "spine"},
    center="spine",
)
_add(
    "h36m17",
    "pelvis right_hip right_knee right_ankle left_hip left_knee left_ankle spine spine_shoulder nose head "
    "left_shoulder left_elbow left_wrist right_shoulder right_elbow right_wrist",
    {
        **_arms_and_legs("spine_shoulder", "pelvis", "shoulder elbow wrist", "hip knee ankle"),
        **{"spine": "pelvis", "spine_shoulder": "spine", "nose": "spine_shoulder", "head": "nose"},
    },
    center="pelvis",
)
_FACE = {"nose": "neck", **{"left_eye": "nose", "right_eye": "nose", "left_ear": "left_eye", "right_ear": "right_eye"}}
_add(
    "openpose18",
    "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist "
    "right_hip right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear",
    {**_arms_and_legs("neck", "{}_shoulder", "shoulder elbow wrist", "hip knee ankle"), **_FACE},
    center="neck",
    keep_tree_as="openpose",
)
_add(
    "openpose25",
    "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist pelvis "
    "right_hip right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear "
    "left_big_toe left_small_toe left_heel right_big_toe right_small_toe right_heel",
    {
        **_arms_and_legs("neck", "pelvis", "shoulder elbow wrist", "hip knee ankle big_toe small_toe"),
        **_FACE,
        **{"pelvis": "neck", "left_heel": "left_ankle", "right_heel": "right_ankle"},
    },
    center="neck",
)
# Two hands of 21 joints, each its own tree; `linked` also joins the wrists.
_FINGERS = {finger: [f"{finger}_{i}" for i in range(1, 5)] for finger in ("thumb", "index", "middle", "ring", "little")}
_add(
    "hands42",
    " ".join(f"{side}_{j}" for side in _SIDES for j in ["wrist", *(j for f in _FINGERS.values() for j in f)]),
    {
        f"{side}_{child}": f"{side}_{parent}"
        for side in _SIDES
        for chain in _FINGERS.values()
        for child, parent in zip(chain, ["wrist", *chain])
    },
    center="left_wrist",
    edges={"linked": {"right_wrist": "left_wrist"}},
)
# SMPL's kinematic tree.
_add(
    "smpl24",
    "pelvis left_hip right_hip spine_lower left_knee right_knee spine left_ankle right_ankle spine_upper "
    "left_foot right_foot neck left_collar right_collar head left_shoulder right_shoulder left_elbow right_elbow "
    "left_wrist right_wrist left_hand right_hand",
    {
        **_arms_and_legs("spine_upper", "pelvis", "collar shoulder elbow wrist hand", "hip knee ankle foot"),
        **{"spine_lower": "pelvis", "spine": "spine_lower", "spine_upper": "spine", "neck": "spine_upper"},
        "head": "neck",
    },
    center="pelvis",
)
