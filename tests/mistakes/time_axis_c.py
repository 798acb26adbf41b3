"""Streams, recordings of sound, curricula, SyncNet's files, AVID's memory, and front ends."""

from __future__ import annotations

from tests.mistakes import ROOT, Mistake

TRAIN = "tools/train.py"
SYNC = "configs/avts/sync_skeleton_inertial_synthetic.py"
OPTIONS = ["--work-dir", "w", "--cfg-options"]

STREAMS = """
import numpy as np
from pathlib import Path
for stream, rate in (("slow", 10), ("fast", 50)):
    Path(stream).mkdir()
    for i in range(2):
        np.save(f"{stream}/train_{i}.npy", np.zeros((5 * rate, 2), np.float32))
from mmsync.datasets import StreamDataset
def data(start=0.0, **more):
    streams = dict(slow=dict(rate=10), fast=dict(rate=50, start=start))
    source = dict(type="StreamSource", data_root=".", streams=streams, splits=["train"])
    return StreamDataset(source, **{"mix": dict(positive=1, easy=1), "split": "train", **more})
"""
SOUND = """
import numpy as np
from pathlib import Path
from scipy.io import wavfile
Path("audio").mkdir(); Path("meta").mkdir()
wavfile.write("audio/1-0-A-0.wav", 16000, np.zeros(16000, np.int16))
head = "filename,fold,target,category,esc10,src_file,take\\n"
Path("meta/esc50.csv").write_text(head + "1-0-A-0.wav,{},0,dog,True,0,A\\n")
from mmsync.datasets.sources import ESC50Source
ESC50Source(".", {})
"""
STAGE = f"""
from mmsync.config import check, load
cfg = load("{ROOT}/{SYNC}")
cfg.custom_hooks[0].stages = [(0, dict(positive=1, esay=1))]
check(cfg)
"""
AVID = """
from types import SimpleNamespace
from mmsync.registry import MODELS
from tests import toy_modalities
encoder = dict(type="Encoder", backbone=dict(type="ToySpectrogramNet"))
model = MODELS.build(dict(type="AVID", video=encoder, audio=encoder, num_videos=10))
model.check_data(SimpleNamespace(num_instances=300))
"""
CONVERT = ["tools/model_converters/syncnet_to_mmsync.py", "{checkpoint}", "out.pth"]
FRONT_END = "from mmsync.views.audio import LogFilterbank, LogMel\n"

CASES = [
    Mistake("streams_no_folder", [TRAIN, SYNC, *OPTIONS, "data_root={tmp}"], r"scenes.json does not exist"),
    Mistake(
        "streams_no_folder_in_code", says=r"put the files of stream 'slow' there",
        code=STREAMS + "Path('slow').rename('other')\ndata()",
    ),
    Mistake("streams_rate_misspelt", [TRAIN, SYNC, *OPTIONS, "streams.inertial.rates=100"], r"did you mean 'rate'"),
    Mistake(
        "stage_of_an_unknown_kind", code=STAGE,
        says=r"stages\.0\.1\.esay: StreamDataset has no such kind; did you mean 'easy'",
    ),
    Mistake(
        "no_positives_no_number", says=r"num_samples=None means all positives",
        code=STREAMS + "data(mix=dict(easy=1))",
    ),
    Mistake("option_of_tuples", [TRAIN, SYNC, *OPTIONS, "stages=[(0,dict(positive=1))]"], r"--cfg-options"),
    Mistake(
        "streams_never_together", code=STREAMS + "data(start=100.0)",
        says=r"less than 1 s and are left out: train_0, train_1\nDataError: .*none of the 2 recordings",
    ),
    Mistake(
        "streams_hard_needs_longer", says=r"hard", code=STREAMS + "data(mix=dict(positive=1, hard=1), gap=(4.5, None))"
    ),
    Mistake("streams_start_without_file", says=r"starts.json: no number of each", code=STREAMS + "data('starts.json')"),
    Mistake("esc50_fold", says=r"fold=6; ESC-50 has folds 1 to 5", code=SOUND.format("1", "6")),
    Mistake("esc50_line", says=r"esc50.csv, line 2: no filename, fold, target", code=SOUND.format("one", "1")),
    Mistake("avid_num_videos", says=r"model.num_videos: is 10, .* 300 usable .* set model.num_videos=300", code=AVID),
    Mistake("svm_c", says=r"SVMProbe: C=0", code="from mmsync.evaluation.probes import SVMProbe\nSVMProbe(C=0)"),
    Mistake("mel_bands", says=r"LogMel: .*band \d+ of 80 has no bin", code=FRONT_END + "LogMel(n_fft=64, bands=80)"),
    Mistake("mel_window", says=r"LogFilterbank: .*window <= n_fft", code=FRONT_END + "LogFilterbank(n_fft=512)"),
    Mistake(
        "short_sound", says=r"AudioVGG needs 8 bands and 8 frames or more, but got \(40, 4\); take longer sound",
        code="import torch\nfrom mmsync.registry import BACKBONES\nfrom mmsync.structures import View\n"
        "BACKBONES.build(dict(type='AudioVGG'))(View(torch.zeros(1, 1, 40, 4)))",
    ),
    Mistake(
        "syncnet_of_another_network", CONVERT, r"is no checkpoint of SyncNet"
    ),
    Mistake(
        "sync_of_a_skeleton_model", ["tools/sync.py", "{config}", "{checkpoint}", "video.mp4"],
        r"offsets need AVTS, SyncNet or GDT",
    ),
]  # fmt: skip
