"""L3-Net, the multisensory network and the arrow of time: data and settings that cannot work."""

from tests.mistakes import Mistake

_MAKE = "tools/dataset_converters/make_synthetic.py"
_SOUND_MAP = "tools/visualization/sound_map.py"
_SEPARATE = "tools/separate.py"
_CUES = "tools/analysis_tools/time_cues.py"
_DATA = "from mmsync.datasets import ArrowDataset, AudioVisualDataset\n"

CASES = [
    Mistake("unknown argument of a writer", [_MAKE, "av", "out", "--set", "cua=zoom"], r"did you mean 'cue'"),
    Mistake(
        "argument of another type", [_MAKE, "av", "out", "--set", "arrow=3"], r"like that of the default, arrow=True"
    ),
    Mistake("setting of a writer without value", [_MAKE, "av", "out", "--set", "zoom"], r"give KEY=VALUE"),
    Mistake("writer without arguments", [_MAKE, "sbu", "out", "--set", "cue=zoom"], r"this format has no arguments"),
    Mistake("unknown cue", [_MAKE, "av", "out", "--num-clips", "2", "2", "--set", "cue=pan"], r"'zoom' or 'border'"),
    Mistake(
        "map of sound by another model", [_SOUND_MAP, "{config}", "{checkpoint}", "a.mp4", "o.mp4"], r"Multisensory"
    ),
    Mistake("map of sound as a picture", [_SOUND_MAP, "{config}", "{checkpoint}", "a.mp4", "o.png"], r"ends with .mp4"),
    Mistake("separation by another model", [_SEPARATE, "{config}", "{checkpoint}", "a.mp4", "o"], r"needs OnOffScreen"),
    Mistake(
        "separation of no time",
        [_SEPARATE, "{config}", "{checkpoint}", "a.mp4", "o", "--seconds", "0"],
        r"--seconds above 0",
    ),
    Mistake("separation into a file", [_SEPARATE, "{config}", "{checkpoint}", "a.mp4", "{checkpoint}"], r"is a file"),
    Mistake(
        "u-net with too few layers",
        code="from mmsync.models.methods import OnOffScreen\nnet = dict(type='MultisensoryStem', width=4)\n"
        "OnOffScreen(dict(type='Encoder', backbone=net), widths=[4, 4, 4])",
        says=r"3 features are too many for 3 convolutions",
    ),
    Mistake(
        "a scale that is not there",
        code="from mmsync.models.methods import OnOffScreen\nnet = dict(type='MultisensoryStem', width=4)\n"
        "OnOffScreen(dict(type='Encoder', backbone=net), scales=['video.backbone.con'])",
        says=r"no module 'video.backbone.con'.*video.backbone.conv",
    ),
    Mistake(
        "levels out of order",
        code="from mmsync.models.methods import OnOffScreen\nnet = dict(type='MultisensoryStem', width=4)\n"
        "OnOffScreen(dict(type='Encoder', backbone=net), levels=(80, -100))",
        says=r"levels=\(80, -100\).*least < largest",
    ),
    Mistake(
        "window longer than the transform",
        code="from mmsync.models.methods import OnOffScreen\nnet = dict(type='MultisensoryStem', width=4)\n"
        "OnOffScreen(dict(type='Encoder', backbone=net), n_fft=512)",
        says=r"window=1344.*hop <= window <= n_fft",
    ),
    Mistake(
        "another sound of a mix of kinds",
        code=_DATA + "AudioVisualDataset(dict(type='ClipFolderSource', data_root='x'), dict(hard=1), contrast='easy')",
        says=r"contrast='easy' needs mix",
    ),
    Mistake(
        "another sound of an unknown kind",
        code=_DATA
        + "AudioVisualDataset(dict(type='ClipFolderSource', data_root='x'), dict(positive=1), contrast='esy')",
        says=r"contrast='esy'.*'hard' or 'easy'",
    ),
    Mistake("cues of no folder", [_CUES, "nowhere"], r"nowhere"),
    Mistake("cues of no epoch", [_CUES, "nowhere", "--epochs", "0"], r"--epochs of 1 or more"),
    Mistake(
        "windows longer than a clip of flow",
        code=_DATA + "ArrowDataset(dict(type='ClipFolderSource', data_root='x'), clip=20)",
        says=r"clip=20 pictures are too few for 2 x 10",
    ),
    Mistake(
        "windows that overlap wholly",
        code=_DATA + "AudioVisualDataset(dict(type='ClipFolderSource', data_root='x'), dict(hard=1), gap=(-1.0, 2.0))",
        says=r"-duration < low < high",
    ),
    Mistake(
        "reversal of differences between frames",
        code="import torch\nfrom mmsync.models.methods import PlaybackDirection\nfrom mmsync.structures import View\n"
        "backbone = dict(type='STGCN', channels=[4], strides=[1])\n"
        "pre = dict(type='SkeletonPreprocessor', layout='ntu25', stream='motion')\n"
        "model = PlaybackDirection(dict(type='Encoder', backbone=backbone), pre)\n"
        "model.predictions({'clip': View(torch.zeros(2, 1, 8, 25, 3))})",
        says=r"drop motion or difference",
    ),
    Mistake(
        "boxes that lack a clip",
        code="import numpy as np\nfrom mmsync.media import write_video\nfrom pathlib import Path\n"
        "from mmsync.datasets.sources import SceneSource\nPath('v/train/a').mkdir(parents=True)\n"
        "write_video('v/train/a/one.mp4', np.zeros((5, 32, 32, 3), np.uint8))\nSceneSource('v', 'scenes.json')",
        files={"scenes.json": '{"two": {"box": [0, 0, 1, 1]}}'},
        env={"MMSYNC_CACHE": "{tmp}/cache"},
        says=r"no json of the boxes of all clips \(KeyError: 'one'\)",
    ),
]
