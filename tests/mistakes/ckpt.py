"""Checkpoints: of another input, of another network, of no network at all."""

from __future__ import annotations

from tests.mistakes import Mistake

TEST = ["tools/test.py", "{config}", "{checkpoint}", "--work-dir", "w"]
TRAIN = ["tools/train.py", "{config}", "--work-dir", "w"]
BENCHMARK = ["tools/benchmark.py", "{checkpoint}", "--protocols", "knn", "--device", "cpu", "--work-dir", "w"]
EMBEDDING = ["tools/visualization/vis_embedding.py", "{config}", "{checkpoint}", "--method", "pca", "--device", "cpu"]
OPTIONS = "--cfg-options"
BONES = [OPTIONS, "model.data_preprocessor.stream=bone"]
SHORT = [OPTIONS, "test_dataloader.dataset.pipeline.0.length=6"]
CAUSE = r"model\.data_preprocessor\.stream: trained with 'joint', asked for 'bone'"
SHAPE = r"test_dataloader\.dataset\.pipeline\.0\.length: trained with 8, asked for 6"
START = "model.encoder.backbone.init_cfg"

INIT = "from mmsync.apis import init_model\ninit_model({})"
BRANCHES = """
from mmsync.engine.checkpoint import load_weights
from mmsync.registry import MODELS
backbone = dict(type="STGCN", layout="ntu25", channels=[4], strides=[1])
one, two = (
    MODELS.build(dict(type="Sync3D", encoder=dict(type="Encoder", backbone=backbone), share_weights=share))
    for share in (True, False)
)
load_weights(one, two.state_dict(), "two.pth")
"""
LATER = """
from mmsync.engine.checkpoint import read_checkpoint, write_checkpoint
write_checkpoint({"state_dict": {}, "meta": {"format": 99, "mmsync_version": "9.0"}}, "later.pth")
read_checkpoint("later.pth")
"""
OBJECTS = """
import fractions, torch
from mmsync.engine.checkpoint import read_checkpoint
torch.save({"state_dict": {}, "meta": fractions.Fraction(1, 2)}, "objects.pth")
read_checkpoint("objects.pth")
"""

CLASSIFIER = """
_base_ = ["{config}"]
backbone = dict(type="STGCN", layout="ntu25", channels=[4], strides=[1], temporal_kernel=3)
model = dict(
    _delete_=True,
    type="Classifier",
    encoder=dict(type="Encoder", backbone=backbone, pool=dict(type="SkeletonPool")),
    head=dict(type="LinearHead", num_classes=27),
    data_preprocessor=dict(type="SkeletonPreprocessor", layout="ntu25"),
)
test_evaluator = dict(_delete_=True, type="Accuracy")
"""

CASES = [
    # of another input
    Mistake("test_on_another_stream", [*TEST, *BONES], CAUSE),
    Mistake("test_on_another_pipeline", [*TEST, *SHORT], SHAPE),
    Mistake(
        "test_with_another_window", [*TEST, OPTIONS, "model.data_preprocessor.window=6"], r"window: trained with None"
    ),
    Mistake(
        "test_with_another_origin", [*TEST, OPTIONS, "model.data_preprocessor.recenter=True"], r"recenter: trained"
    ),
    Mistake("resume_on_another_stream", [*TRAIN, "--resume", "{checkpoint}", *BONES], CAUSE),
    Mistake(
        "resume_on_another_split",
        [*TRAIN, "--resume", "{checkpoint}", OPTIONS, "train_dataloader.dataset.split=test"],
        r"training\.split: trained with 'train', asked for 'test'",
    ),
    Mistake(
        "resume_with_other_augmentations",
        [*TRAIN, "--resume", "{checkpoint}", OPTIONS, "model.data_preprocessor.views.key.0.amplitude=0.9"],
        r"training\.views\.key\.0\.amplitude: trained with 0\.2, asked for 0\.9",
    ),
    Mistake("train_from_another_stream", [*TRAIN, *BONES, "load_from={checkpoint}"], CAUSE),
    Mistake("benchmark_on_another_stream", [*BENCHMARK, "--config", "{config}", *BONES], CAUSE),
    Mistake("benchmark_on_another_pipeline", [*BENCHMARK, *SHORT], SHAPE),
    Mistake(
        "finetune_on_another_pipeline",
        [*BENCHMARK[:3], "finetune", *BENCHMARK[4:], OPTIONS, "val_dataloader.dataset.pipeline.0.length=6"],
        r"val_dataloader\.dataset\.pipeline\.0\.length: trained with 8, asked for 6",
    ),
    Mistake("embedding_of_another_stream", [*EMBEDDING, *BONES], CAUSE),
    Mistake(
        "init_model_on_another_stream",
        code=INIT.format("'{config}', '{checkpoint}', cfg_options={'model.data_preprocessor.stream': 'bone'}"),
        says=CAUSE,
    ),
    Mistake(
        "test_on_another_stream_as_asked", [*TEST, "--other-input", *BONES], "another input, as asked", warned=True
    ),
    Mistake(
        "pretrained_of_another_stream",
        [
            *TRAIN,
            *BONES,
            f"{START}.type=Pretrained",
            f"{START}.checkpoint={{checkpoint}}",
            f"{START}.prefix=encoder.backbone.",
        ],
        CAUSE,
    ),
    Mistake(
        "option_for_a_variable_of_a_resolved_config",
        ["tools/test.py", "dump.py", "{checkpoint}", OPTIONS, "stream=bone"],
        r"nothing follows from this variable in a resolved config.*set model\.data_preprocessor\.stream",
        files={"dump.py": "stream = 'joint'\nmodel = dict(data_preprocessor=dict(stream='joint'))\n"},
    ),
    # of another network
    Mistake(
        "weights_of_edges_that_the_model_lacks",
        [*TEST, OPTIONS, "model.encoder.backbone.edge_importance=False"],
        r"2 unexpected \(encoder\.backbone\.edge_importance\.0, .*load_partial=True",
    ),
    Mistake("weights_of_another_width", [*TEST, OPTIONS, "model.encoder.backbone.channels=[8]"], "of another shape"),
    Mistake(
        "weights_of_another_depth",
        [*TEST, OPTIONS, "model.encoder.backbone.channels=[4,4]", "model.encoder.backbone.strides=[1,1]"],
        r"missing \(encoder\.backbone\.st_gcn_networks\.1",
    ),
    Mistake("load_partial_is_no_bool", [*TEST, OPTIONS, "load_partial=yes"], r"load_partial: .*(True|False)"),
    Mistake("other_input_is_no_bool", [*TEST, OPTIONS, "other_input=stream"], r"other_input: .*(True|False)"),
    Mistake(
        "test_of_a_classifier_without_its_head",
        ["tools/test.py", "own.py", "{checkpoint}", "--work-dir", "w"],
        r"lacks 2 weights \(head\..*without which a Classifier predicts nothing",
        files={"own.py": CLASSIFIER},
    ),
    Mistake("two_branches_for_one", code=BRANCHES, says=r"has two branches; set model\.share_weights=False"),
    Mistake(
        "pretrained_without_its_prefix",
        [*TRAIN, OPTIONS, f"{START}.type=Pretrained", f"{START}.checkpoint={{checkpoint}}"],
        r"has no weights .*Set prefix='encoder\.backbone\.'",
    ),
    Mistake(
        "pretrained_of_a_missing_file",
        [*TRAIN, OPTIONS, f"{START}.type=Pretrained", f"{START}.checkpoint=nowhere.pth"],
        "there is no such file",
    ),
    # no checkpoints
    Mistake("resume_from_a_config", [*TRAIN, "--resume", "{config}"], "is a Python file, as configs are"),
    Mistake(
        "resume_from_a_readme", [*TRAIN, "--resume", "README.md"], "is a text document", files={"README.md": "# Hi"}
    ),
    Mistake("resume_from_a_folder", [*TRAIN, "--resume", "{work_dir}"], r"is a folder, which has .*epoch_1\.pth"),
    Mistake("resume_from_an_empty_folder", [*TRAIN, "--resume", "x"], "has no .pth files", files={"x/a.txt": "a"}),
    Mistake("resume_from_nothing", [*TRAIN, "--resume", "epoch_1.pth"], "there is no such file"),
    Mistake(
        "init_model_from_a_config", code=INIT.format("'{config}', '{config}'"), says="a Python file, as configs are"
    ),
    Mistake("init_model_from_a_folder", code=INIT.format("'{config}', '{work_dir}'"), says="is a folder, which has"),
    Mistake(
        "init_model_from_a_readme",
        code=INIT.format("'{config}', 'README.md'"),
        says="is a text document",
        files={"README.md": "# mmsync"},
    ),
    Mistake("test_of_a_folder", [*TEST[:2], "{work_dir}"], "is a folder, which has"),
    Mistake("test_of_a_cut_file", [*TEST[:2], "cut.pth"], "damaged or truncated", files={"cut.pth": b"PK\3\4" * 9}),
    Mistake("test_of_an_empty_file", [*TEST[:2], "a.pth"], "damaged or truncated", files={"a.pth": b""}),
    Mistake("test_of_a_web_page", [*TEST[:2], "a.pth"], "a page of HTML", files={"a.pth": "<html>404</html>"}),
    Mistake(
        "test_of_a_git_lfs_pointer",
        [*TEST[:2], "a.pth"],
        "a pointer of Git LFS",
        files={"a.pth": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"},
    ),
    Mistake("benchmark_of_a_config", ["tools/benchmark.py", "{config}"], "a Python file, as configs are"),
    Mistake("checkpoint_of_a_later_mmsync", code=LATER, says=r"written by mmsync 9\.0 in format 99; .*update mmsync"),
    Mistake("checkpoint_of_python_objects", code=OBJECTS, says="could run code while they load"),
    # converters
    Mistake(
        "convert_a_readme",
        ["tools/model_converters/aimclr_to_mmsync.py", "README.md", "a.pth"],
        "is a text document",
        files={"README.md": "# mmsync"},
    ),
    Mistake(
        "convert_with_a_missing_config",
        ["tools/model_converters/aimclr_to_mmsync.py", "{checkpoint}", "a.pth", "--config", "nowhere.py"],
        "no such config file",
    ),
]
