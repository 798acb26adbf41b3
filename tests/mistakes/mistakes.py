"""Mistakes in the types, ranges and names of values, in config files, and in the commands of all tools."""

from __future__ import annotations

from typing import Union

from tests.mistakes import Mistake, option, own

BACKBONE, LOADER, RUN = "model.encoder.backbone", "train_dataloader", ["tools/train.py", "{config}"]
CHECKPOINT = "model.encoder.backbone.channels=[8]"


def tool(name: str, command: str, says: str, **files: Union[str, bytes]) -> Mistake:
    """A tool below ``tools/`` with its arguments; ``raw`` and ``f`` name files."""
    script, *arguments = command.split(" ")
    places = {"f": "f", "raw": "raw/x.txt"}
    return Mistake(name, [f"tools/{script}.py", *arguments], says, files={places[k]: v for k, v in files.items()})


NAMES = [
    option("key_misspelt", f"{BACKBONE}.dropuot=0.1", r"STGCN takes no 'dropuot'; did you mean 'dropout'"),
    option("type_misspelt", f"{BACKBONE}.type=STCGN", r"'STCGN' is not a registered backbone; did you mean 'STGCN'"),
    option(
        "top_key_misspelt", "trian_cfg.max_epochs=1", r"trian_cfg: is no key of the runner .*did you mean 'train_cfg'"
    ),
    option("top_key_unknown", "whatever=1", r"whatever: is no key of the runner and nothing reads it"),
    option("scope_misspelt", "default_scope=mmsinc", r"default_scope: is 'mmsinc'; did you mean 'mmsync'"),
    option("layout_of_others", f"{BACKBONE}.layout=coco17", r"they must be the same"),
    option(
        "layout_misspelt", f"{BACKBONE}.layout=ntu52", r"layout: is 'ntu52', which is no layout; did you mean 'ntu25'"
    ),
    option("stream_misspelt", "model.data_preprocessor.stream=bonne", r"stream: .*did you mean 'bone'"),
    own(
        "joint_misspelt",
        "train_dataloader = dict(dataset=dict(pipeline=[dict(type='CenterOnJoint', joint='spin'), "
        "dict(type='ResizeClip', length=8), dict(type='PackSkeleton', num_persons=2)]))",
        r"pipeline\.0\.joint: is 'spin', which is a joint of no layout; did you mean 'spine'",
    ),
    own(
        "init_layer_misspelt",
        "model = dict(encoder=dict(projector=dict(init_cfg=dict(type='Normal', layer='Linaer', std=0.1))))",
        r"init_cfg\.layer: is 'Linaer', which is no layer of torch\.nn; did you mean 'Linear'",
    ),
    option("pool_choice", "model.encoder.pool.joints=maen", r"pool\.joints: is 'maen', must be .*did you mean 'mean'"),
    option("init_choice", f"{BACKBONE}.init=troch", r"init: is 'troch', must be .*did you mean 'torch'"),
    option(
        "probe_kind_unknown", "val_evaluator.probes.knn.type=KN", r"'KN' is not a registered probe; did you mean 'KNN'"
    ),
    option("split_misspelt", f"{LOADER}.dataset.split=trian", r"no split 'trian'; did you mean 'train'"),
    option("role_split_misspelt", "val_dataloader.dataset.roles.query=tset", r"no split 'tset'; did you mean 'test'"),
    option(
        "action_misspelt",
        f"{LOADER}.dataset.source.actions=['wav']",
        r"actions: \['wav'\] must be different names from wave",
    ),
    option(
        "best_of_unknown_probe",
        "default_hooks.checkpoint.save_best=kne/top1",
        r"no 'kne/top1'; did you mean 'knn/top1'",
    ),
    option("log_level_misspelt", "log_level=INFOO", r"log_level: is 'INFOO', must be one of .*did you mean 'INFO'"),
    option(
        "mp_start_misspelt", "env_cfg.mp_cfg.mp_start_method=frok", r"mp_start_method: is 'frok', .*did you mean 'fork'"
    ),
    option("random_key_misspelt", "randomness.sed=1", r"randomness takes no 'sed'; did you mean 'seed'"),
    option("default_hook_misspelt", "default_hooks.chekpoint.interval=1", r"did you mean 'checkpoint'"),
]

TYPES = [
    own("epochs_text", "train_cfg = dict(max_epochs='2')", r"train_cfg\.max_epochs: is '2', must be int"),
    own("lr_text", "optim_wrapper = dict(optimizer=dict(lr='0.1'))", r"optimizer\.lr: is '0\.1', must be float"),
    own("flag_text", "train_dataloader = dict(drop_last='False')", r"drop_last: is 'False', must be bool"),
    own(
        "norm_text",
        "model = dict(encoder=dict(projector=dict(norm='False')))",
        r"projector\.norm: is 'False', must be bool",
    ),
    own("seed_text_in_file", "randomness = dict(seed='0')", r"randomness\.seed: is '0', must be int"),
    own("by_epoch_text", "train_cfg = dict(by_epoch='yes')", r"train_cfg\.by_epoch: is 'yes', must be bool"),
    own("resume_text", "resume = 'auto'", r"resume: is 'auto', must be bool"),
    own("load_from_list", "load_from = ['a.pth']", r"load_from: is \['a\.pth'\], must be str"),
    own(
        "clip_grad_text",
        "optim_wrapper = dict(clip_grad=dict(max_norm='1'))",
        r"clip_grad\.max_norm: is '1', must be float",
    ),
    option("temperature_text", "model.temperature=cold", r"model\.temperature: is 'cold', must be float"),
    option("channels_no_list", f"{BACKBONE}.channels=4", r"channels: is 4, must be a list"),
    option("channel_text", f"{BACKBONE}.channels=[four]", r"channels: is 'four', must be int"),
    option("workers_fraction", f"{LOADER}.num_workers=1.5", r"num_workers: is 1\.5, must be int"),
    option("batch_fraction", f"{LOADER}.batch_size=8.0", r"batch_size: is 8\.0, must be int"),
    option("epochs_list", "train_cfg.max_epochs=[1,2]", r"max_epochs: is \[1, 2\], must be int"),
    option("interval_text", "default_hooks.logger.interval=often", r"logger\.interval: is 'often', must be int"),
    option("window_of_log_text", "log_processor.window_size=x", r"log_processor\.window_size: is 'x', must be int"),
    option("clips_three_numbers", f"{LOADER}.dataset.source.num_clips=[1,2,3]", r"give two numbers each"),
    option("encoder_no_dict", "model.encoder=STGCN", r"model\.encoder: is 'STGCN', must be a dict"),
    option(
        "paramwise_text",
        "optim_wrapper.paramwise_cfg.norm_decay_mult=none",
        r"norm_decay_mult: is 'none', must be float",
    ),
]

RANGES = [
    option("workers_negative", f"{LOADER}.num_workers=-1", r"num_workers: is -1, must be at least 0"),
    option("seed_negative", "randomness.seed=-1", r"randomness\.seed: is -1, must be in \[0, "),
    Mistake("seed_too_large", [*RUN, "--seed", "99999999999"], says=r"seed: is 99999999999, must be in \[0, "),
    option("interval_zero", "default_hooks.checkpoint.interval=0", r"interval: is 0, must be at least 1 or -1"),
    option("val_interval_zero", "train_cfg.val_interval=0", r"val_interval: is 0, must be at least 1"),
    option("temperature_of_0", "model.temperature=0", r"model\.temperature: is 0, must be above 0"),
    option("momentum_of_sgd", "optim_wrapper.optimizer.momentum=9", r"optimizer\.momentum: is 9, must be in \[0, 1\]"),
    option("momentum_of_key", "model.momentum=10.0", r"model\.momentum: is 10\.0, must be in \[0, 1\]"),
    option("kernel_zero", f"{BACKBONE}.temporal_kernel=0", r"temporal_kernel: is 0, must be at least 1"),
    option(
        "out_channels_negative", "model.encoder.projector.out_channels=-4", r"out_channels: is -4, must be at least 1"
    ),
    option(
        "clip_length_zero", f"{LOADER}.dataset.pipeline.0.length=0", r"pipeline\.0\.length: is 0, must be at least 1"
    ),
    option("base_batch_zero", "auto_scale_lr.base_batch_size=0", r"base_batch_size: is 0, must be at least 1"),
    option("window_of_log_zero", "log_processor.window_size=0", r"window_size: is 0, must be at least 1"),
    own(
        "mult_negative",
        "optim_wrapper = dict(paramwise_cfg=dict(bias_lr_mult=-1))",
        r"bias_lr_mult: is -1, must be at least 0",
    ),
    Mistake(
        "range_of_third_party",
        ["tools/train.py", "own.py"],
        says=r"width: is 0, must be at least 4",
        files={
            "mine.py": "from typing import Annotated\nfrom torch import nn\nfrom mmsync.config import Range\n"
            "from mmsync.registry import NECKS\n@NECKS.register_module()\nclass MineNeck(nn.Module):\n"
            "    def __init__(self, width: Annotated[int, Range(4)] = 4): super().__init__()\n",
            "own.py": '_base_ = "{config}"\ncustom_imports = dict(imports=["mine"])\n'
            "model = dict(encoder=dict(pool=dict(_delete_=True, type='MineNeck', width=0)))",
        },
    ),
    Mistake(
        "third_party_data_raises",
        ["tools/train.py", "own.py"],
        says=r"MineData cannot be built: KeyError: 'key' \(.*mine_data\.py, line 4\)",
        files={
            "mine_data.py": "from mmsync.registry import DATASETS\n@DATASETS.register_module()\nclass MineData:\n"
            "    def __init__(self): self.x = {}['key']\n",
            "own.py": '_base_ = "{config}"\ncustom_imports = dict(imports=["mine_data"])\n'
            "train_dataloader = dict(dataset=dict(_delete_=True, type='MineData'))",
        },
    ),
    Mistake(
        "third_party_raises",
        code="from torch import nn\nfrom mmsync.registry import NECKS\n@NECKS.register_module()\n"
        "class RaisingNeck(nn.Module):\n    def __init__(self): self.x = {}['key']\n"
        "NECKS.build(dict(type='RaisingNeck'))",
        says=r"RaisingNeck cannot be built: KeyError: 'key' \(<mistake>, line 5\)",
    ),
]

FILES = [
    Mistake(
        "config_missing",
        ["tools/train.py", "tinny.py"],
        r"tinny\.py: no such config file; did you mean 'tiny\.py'",
        files={"tiny.py": ""},
    ),
    Mistake("config_folder", ["tools/train.py", "{work_dir}"], r"run: is a folder; name a config file"),
    Mistake("config_checkpoint", ["tools/train.py", "{checkpoint}"], r"epoch_1\.pth: looks like a checkpoint, but"),
    Mistake(
        "config_binary", ["tools/train.py", "a.py"], r"a\.py: is no text in UTF-8", files={"a.py": b"\xff\xfe\x00a"}
    ),
    Mistake("config_zeros", ["tools/train.py", "a.py"], r"a\.py: .*null bytes", files={"a.py": b"a = 1\x00"}),
    Mistake("config_txt", ["tools/train.py", "a.txt"], r"a config must be a \.py, \.json", files={"a.txt": "a"}),
    Mistake("config_yaml", ["tools/train.py", "a.yaml"], r"a\.yaml: cannot be parsed", files={"a.yaml": "a: [1"}),
    own("config_syntax", "model = dict(\n", r"own\.py, line 2: "),
    own("config_exits", "import sys\nsys.exit(0)\n", r"own\.py, line 3: SystemExit"),
    own(
        "config_imports",
        "import nothing_here\n",
        r"own\.py, line 2: ModuleNotFoundError: No module named 'nothing_here'",
    ),
    own("config_circle", "", r"_base_ leads back to", base="_base_ = 'own.py'\n"),
    own("config_base_missing", "", r"_base_ names .*nope\.py, which is no file", base="_base_ = 'nope.py'\n"),
    own(
        "base_without_training",
        "",
        r"train_dataloader: not set in .*, but training needs it",
        base="model = dict(type='MoCo')\n",
    ),
    own(
        "dict_over_number",
        "queue = 1\nmodel = dict(queue_size=dict(a=1))",
        r"queue_size: a dict here, but 16 in the base",
    ),
    own("import_missing", "custom_imports = dict(imports=['nothing_here'])", r"'nothing_here' cannot be imported"),
    option("list_index", f"{LOADER}.dataset.pipeline.7.length=3", r"Index 7 exceeds the length of list"),
    option("key_below_number", "train_cfg.max_epochs.x=3", r"max_epochs"),
    option("setting_without_value", "key", r"'key' is not KEY=VALUE"),
    option("load_from_absent", "load_from=nope.pth", r"load_from: .*nope\.pth does not exist"),
]

TOOLS = [
    tool(
        "test_out_folder",
        "test {config} {checkpoint} --out {work_dir}",
        r"--out .*run: is a folder; give the path of a file",
    ),
    tool("test_out_below_file", "test {config} {checkpoint} --out f/r.json", r"--out f/r\.json: .*f is a file", f="x"),
    tool("test_missing_checkpoint", "test {config} epoch_9.pth", r"epoch_9\.pth: there is no such file"),
    tool("test_swapped", "test {checkpoint} {config}", r"epoch_1\.pth: looks like a checkpoint"),
    tool(
        "test_other_model",
        f"test {{config}} {{checkpoint}} --cfg-options {CHECKPOINT}",
        r"are of another model than MoCo|SkeletonCLR",
    ),
    tool("benchmark_nothing", "benchmark", r"give the checkpoint of a pretraining, or --list"),
    tool("benchmark_unknown_protocol", "benchmark {checkpoint} --protocols linaer", r"linaer.*did you mean 'linear'"),
    tool("benchmark_every_zero", "benchmark {work_dir} --every 0", r"every=0: give 1 for all checkpoints"),
    tool("benchmark_every_of_file", "benchmark {checkpoint} --every 1", r"is it the work dir of a run"),
    tool("benchmark_encoder", "benchmark {checkpoint} --encoder video", r"has no encoder 'video'"),
    tool("benchmark_device", "benchmark {checkpoint} --device cudaa", r"device cudaa: cannot be used; there is cpu"),
    tool("benchmark_seed", "benchmark {checkpoint} --seeds -3", r"--seeds -3: must be 0 or more"),
    tool("benchmark_dataset", "benchmark {checkpoint} --dataset nope.py", r"nope\.py: no such config file"),
    tool(
        "benchmark_folder_is_file",
        "benchmark {checkpoint} --protocols knn --work-dir f",
        r"Not a directory|is a file",
        f="x",
    ),
    tool(
        "benchmark_without_effect",
        "benchmark {checkpoint} --protocols knn --cfg-options nothing_such=3",
        r"nothing_such=\.\.\.: ",
    ),
    tool("sweep_without_values", "sweep {config} --set lr", r"--set lr"),
    tool(
        "sweep_unknown_key",
        "sweep {config} --set train_cfg.max_epoch=1,2",
        r"takes no 'max_epoch'; did you mean 'max_epochs'",
    ),
    tool("sweep_value_twice", "sweep {config} --set train_cfg.max_epochs=1,1", r"a value is given twice"),
    tool("sweep_axis_twice", "sweep {config} --set train_cfg.max_epochs=1 train_cfg.max_epochs=2", r"is set twice"),
    tool("sweep_type", "sweep {config} --set train_cfg.max_epochs=x,y --dry-run", r"max_epochs: is 'x', must be int"),
    tool("sweep_seed_twice", "sweep {config} --seeds 0 0", r"--seeds 0 0: a seed is given twice"),
    tool("sweep_range_in_grid", "sweep {config} --set model.momentum=0.1:0.9", r"a range is for --search optuna"),
    tool("sweep_metric_alone", "sweep {config} --metric knn/top1", r"--metric: is for --search optuna"),
    tool("sweep_config_twice", "sweep {config} {config} --dry-run", r"is the same setting as"),
    tool(
        "browse_unknown_clip",
        "visualization/browse_dataset {config} --name nobody",
        r"--name nobody: no such clip among 16",
    ),
    tool("browse_index", "visualization/browse_dataset {config} --index 99", r"--index 99: the data set has 16 clips"),
    tool("browse_number", "visualization/browse_dataset {config} --number 0", r"--number 0, .*give at least 1"),
    tool(
        "browse_rate",
        "visualization/browse_dataset {config} --number 1 --fps 0",
        r"fps=0\.0; give a rate in \(0, 100\]",
    ),
    tool(
        "browse_folder_is_file",
        "visualization/browse_dataset {config} --number 1 --mode original --out-dir f",
        r"exists: 'f'",
        f="x",
    ),
    tool(
        "embedding_device",
        "visualization/vis_embedding {config} {checkpoint} --device gpu",
        r"device gpu: cannot be used",
    ),
    tool(
        "embedding_points",
        "visualization/vis_embedding {config} {checkpoint} --max-points 0",
        r"--max-points 0: give at least 1",
    ),
    tool("embedding_out_folder", "visualization/vis_embedding {config} {checkpoint} --out {work_dir}", r"is a folder"),
    tool(
        "synthetic_seed",
        "dataset_converters/make_synthetic nwucla out --num-clips 2 2 --seed -1",
        r"seed=-1.*give 0 or more",
    ),
    tool(
        "synthetic_layout",
        "dataset_converters/make_synthetic nwucla out --layout ntu52",
        r"'ntu52'; did you mean 'ntu25'",
    ),
    tool("ntu_absent", "dataset_converters/ntu nope out", r"the folder nope does not exist"),
    tool(
        "ntu_other_folder",
        "dataset_converters/ntu raw out",
        r"no \.skeleton file under raw; is this the right folder",
        raw="a",
    ),
    tool("pku_other_phase", "dataset_converters/pku raw out --phase 1", r"raw: no recording of phase 1", raw="a"),
    tool("tvhid_other_folder", "dataset_converters/tvhid raw out", r"no file of TV-HID", raw="a"),
    tool(
        "convert_text",
        "model_converters/aimclr_to_mmsync f out.pth",
        r"f is a text file; give a file of weights",
        f="hello",
    ),
    tool("convert_own", "model_converters/i3d_to_mmsync {checkpoint} out.pth", r"is no checkpoint of I3D"),
    tool("logs_absent", "analysis_tools/analyze_logs plot_curve nope.json", r"nope\.json: no such file or folder"),
    tool(
        "logs_key",
        "analysis_tools/analyze_logs plot_curve {work_dir} --keys lossy",
        r"no value 'lossy'; did you mean 'loss'",
    ),
    tool("ensemble_without_stream", "analysis_tools/ensemble a.npz b.npz", r"give a score file: STREAM=FILE"),
    tool("pairs_of_clips", "analysis_tools/pair_statistics {config}", r"train_dataloader\.dataset is no PairDataset"),
    tool("check_absent", "misc/check_config nope.py", r"nope\.py: no such config file"),
    tool("check_data_folder", "misc/check_data {work_dir}", r"is a folder; name a config file"),
    option("list_of_dicts", "vis_backends=[{'type':'X'}]", r"give a list of dicts in a config file"),
    option(
        "split_without_clips",
        "train_dataloader.dataset.split=dict(view=99)",
        r"give a dict, or write .*\.NAME=",
    ),
    own(
        "no_clip_of_a_view",
        "train_dataloader = dict(dataset=dict(split=dict(_delete_=True, view=99)))\n",
        r"holds no clip of the source; view has ",
    ),
    tool("slips_of_nothing", "misc/config_slips nope.py", r"nope\.py: no such config file"),
]

CASES = [*NAMES, *TYPES, *RANGES, *FILES, *TOOLS]
