"""Mistakes in data: damaged or foreign files, lists, stores, splits, pairs, and arguments of the converters."""

from __future__ import annotations

from tests.mistakes import ROOT, Mistake

_ITEMS = """
import pickle, numpy as np
from mmsync.datasets import SkeletonDataset
from mmsync.datasets.sources import AimCLRSource, CTRGCNSource, PysklSource, StoreSource
from mmsync.store import StoreWriter

clip = np.random.default_rng(0).normal(size=(1, 6, 25, 3))
items = [dict(frame_dir=f"c{i}", label=i % 2, keypoint=clip.copy()) for i in range(4)]

def pyskl(content, **more):
    with open("a.pkl", "wb") as file:
        pickle.dump(content, file)
    return PysklSource("a.pkl", **more)

def data(source, **more):
    pipeline = [dict(type="ResizeClip", length=4), dict(type="PackSkeleton")]
    return SkeletonDataset(source, pipeline, **more)

def store(name="s", **more):
    writer = StoreWriter(name, "ntu25", **more)
    writer.add("c0", clip, label=0)
    writer.add("c1", clip, label=1)
    writer.splits["train"] = ["c0", "c1"]
    writer.finish()
    return StoreSource(name)
"""


def code(name: str, lines: str, says: str) -> Mistake:
    """Lines of Python after the helpers above."""
    return Mistake(name, code=_ITEMS + lines, says=says)


def tool(name: str, line: str, says: str, **files: str) -> Mistake:
    """A converter's command line; files by name, with ``__`` for a slash and ``_dot_`` for a dot."""
    named = {key.replace("__", "/").replace("_dot_", "."): text for key, text in files.items()}
    return Mistake(name, [f"tools/dataset_converters/{line.split()[0]}", *line.split()[1:]], says=says, files=named)


_NO_VIDEO = {"av.py": "raise ImportError('no av here')\n", "videos/a.avi": "no video", "boxes/a.txt": "1,1,1,1,9,9,1\n"}
_PAIRS = """
_base_ = ['{config}']
source = dict(type='SkeletonTrackSource', source=dict(type='SyntheticSource', num_clips=(4, 2), actions=['push']))
train_dataloader = dict(
    batch_size=2, dataset=dict(_delete_=True, type='PairDataset', source=source, mix=dict(positive=1), window=999))
"""

CASES = [
    # stores
    code("store_nan_clip", "StoreWriter('s', 'ntu25').add('x', clip * np.nan)", r"'x': 6 of 6 frames hold NaN.*zeros"),
    code(
        "store_inf_joint", "clip[0, 2, 1] = np.inf\nStoreWriter('s', 'ntu25').add('x', clip)", r"1 of 6 frames hold NaN"
    ),
    code(
        "store_label_by_name",
        "StoreWriter('s', 'ntu25', class_names=['wave']).add('x', clip, 'wave')",
        r"label 'wave' is no class index.*class_names\.index",
    ),
    code("store_attribute_list", "StoreWriter('s', 'ntu25').add('x', clip, view=[1])", r"attribute view is a list"),
    code(
        "store_split_is_a_name",
        "w = StoreWriter('s', 'ntu25')\nw.add('x', clip)\nw.splits['train'] = 'x'\nw.finish()",
        r"split 'train' is the string 'x'; give a list",
    ),
    code(
        "store_of_another_layout",
        "store()\nfrom pathlib import Path\nmeta = Path('s/meta.json')\n"
        "meta.write_text(meta.read_text().replace('ntu25', 'kinect20'))\nStoreSource('s')",
        r"clips of 25 joints, but its layout kinect20 has 20",
    ),
    code(
        "store_of_an_older_version",
        "store()\nfrom pathlib import Path\nmeta = Path('s/meta.json')\n"
        "meta.write_text(meta.read_text().replace('skeleton-2', 'skeleton-1'))\nStoreSource('s')",
        r"format 'mmsync-skeleton-1', this version reads 'mmsync-skeleton-2'; convert the data again",
    ),
    code(
        "store_with_a_moved_index",
        "store()\nindex = np.load('s/index.npy')\nindex[1, 0] = 0\nnp.save('s/index.npy', index)\nStoreSource('s')",
        r"s: the index does not fit the arrays; the folder is damaged",
    ),
    code(
        "store_meta_is_a_list", "store()\nopen('s/meta.json', 'w').write('[]')\nStoreSource('s')", r"format None, this"
    ),
    # arrays and pickles
    code("npz_of_zero_bytes", "open('a.npz', 'wb')\nCTRGCNSource('a.npz')", r"a\.npz: no whole \.npz file"),
    code(
        "npz_with_objects",
        "np.savez('a.npz', x_train=np.zeros((2, 4, 150)), y_train=np.array([None], object))\nCTRGCNSource('a.npz')",
        r"a\.npz: y_train: no readable \.npy array \(it is of another format, or holds Python objects",
    ),
    code(
        "npy_of_text",
        "open('a.npy', 'w').write('hello')\nAimCLRSource('a.npy')",
        r"a\.npy: no readable .npy array \(it is",
    ),
    code(
        "npy_of_strings",
        "np.save('a.npy', np.full((2, 3, 4, 25, 1), 'x'))\nAimCLRSource('a.npy')",
        r"a\.npy: an array of <U1, wanted numbers",
    ),
    code(
        "npy_five_channels",
        "np.save('a.npy', np.zeros((2, 5, 4, 25, 1)))\nAimCLRSource('a.npy')",
        r"wanted \(N, C, T, V, M\) with 2 to 4 channels",
    ),
    code(
        "pickle_of_zero_bytes",
        "open('a.pkl', 'wb')\nPysklSource('a.pkl')",
        r"a\.pkl: no whole pickle, is the file trunc",
    ),
    code(
        "pickle_of_a_class",
        "from fractions import Fraction\npyskl([Fraction(1)])",
        r"refused, the pickle contains fractions",
    ),
    code("pickle_names_twice", "pyskl(items + items[:1])", r"1 clip names occur twice: c0"),
    code("pickle_negative_frames", "pyskl([dict(items[0], total_frames=-2)])", r"annotation 0 \(c0\).*total_frames -2"),
    code(
        "pickle_clip_of_text", "pyskl([dict(items[0], keypoint=np.full((1, 6, 25, 3), 'x'))])", r"annotation 0 \(c0\)"
    ),
    code(
        "pickle_split_is_a_number",
        "pyskl(dict(split=dict(train=3), annotations=items))",
        r"split 'train' is '3'; wanted a list",
    ),
    code(
        "pickle_split_is_a_name",
        "pyskl(dict(split=dict(train='c0'), annotations=items))",
        r"split 'train' is 'c0'; wanted",
    ),
    code(
        "labels_above_classes",
        "pyskl(items, class_names=['a'])",
        r"2 labels are out of range, first c1: 1 is not in \[0, 0\]",
    ),
    code(
        "one_nan_among_few",
        "items[2]['keypoint'][:] = np.nan\nitems[3]['keypoint'][:] = 0\ndata(pyskl(items))[2]",
        r"2 of 4 clips are bad, max_bad_share=0\.01 allows 0.*bad_clips\.txt lists all",
    ),
    # splits
    code("split_is_a_list", "data(store(), split=['c0'])", r"split=\['c0'\]: give a split's name, dict\(names="),
    code("split_of_unknown_names", "data(store(), split=dict(names=['c7']))", r"none of its 1 names is in the source"),
    code(
        "split_file_of_utf16",
        "open('l.txt', 'wb').write('c0'.encode('utf-16'))\ndata(store(), split=dict(file='l.txt'))",
        r"l\.txt is no text in UTF-8",
    ),
    code(
        "split_file_is_empty",
        "open('l.txt', 'w')\ndata(store(), split=dict(file='l.txt'))",
        r"split 'file l\.txt' is empty",
    ),
    code("roles_are_empty", "data(store(), roles={})", r"give split or roles"),
    code("bad_share_above_one", "data(store(), max_bad_share=7)", r"max_bad_share=7: give a share in \[0, 1\]"),
    code("indices_are_a_fraction", "data(store(), indices=2.5)", r"indices=2\.5: give a number of clips"),
    code("num_classes_as_text", "data(store(), num_classes='2')", r"num_classes='2': give 1 or more"),
    # tools
    Mistake(
        "pairs_longer_than_all_tracks",
        ["tools/visualization/browse_dataset.py", "pairs.py"],
        says=r"the mix asks for positive pairs, but there is none",
        files={"pairs.py": _PAIRS},
    ),
    tool(
        "box_list_of_semicolons",
        "tracks.py videos boxes out",
        r"boxes/a\.txt: not a MOT csv 'frame,id,x,y",
        videos__a_dot_avi="no video",
        boxes__a_dot_txt="1;1;1;1;9;9\n",
    ),
    tool(
        "box_lists_are_empty",
        "tracks.py videos boxes out",
        r"boxes: all MOT files of the videos are empty",
        videos__a_dot_avi="no video",
        boxes__a_dot_txt="",
    ),
    tool(
        "boxes_as_a_broken_json",
        "tracks.py videos boxes.json out",
        r"boxes\.json: not a COCO json",
        videos__a_dot_avi="no video",
        boxes_dot_json="{",
    ),
    tool("raw_folder_is_a_file", "ntu.py raw out", r"raw is a file, wanted a folder", raw=""),
    tool("bad_share_of_a_converter", "ntu.py raw out --max-bad-share 7", r"'7' is not a number from 0 to 1"),
    tool(
        "store_of_pairs",
        "to_store.py out --source type=SkeletonTrackSource source.type=SyntheticSource",
        r"SkeletonTrackSource",
    ),
    tool("source_without_type", "to_store.py out --source ann_file=a.pkl", r"--source: give the class too, as type="),
    tool("negative_noise", "make_synthetic.py nwucla out --noise -3", r"noise=-3\.0: give 0"),
    *(
        Mistake(
            f"no_pyav_{name}",
            ["tools/dataset_converters/" + line[0], *line[1:]],
            subprocess=True,
            files=_NO_VIDEO,
            says=r"pip install 'mmsync\[video\]'",
            env={"PYTHONPATH": f"{{tmp}}:{ROOT}"},
        )
        for name, line in {
            "index": ["index_videos.py", "videos", "out.jsonl"],
            "tracks": ["tracks.py", "videos", "boxes", "out"],
            "synthetic": ["make_synthetic.py", "tvhid", "out", "--num-clips", "1", "1"],
        }.items()
    ),
]
