"""Parts of a config that contradict each other, or the data."""

from __future__ import annotations

from tests.mistakes import Mistake, option, own

VIEW = "model.data_preprocessor.views.query.0"
STORE = """
store = dict(_delete_=True, type='StoreSource', root='{store}')
train_dataloader = dict(dataset=dict(source=store, split='xsub_train'))
val_dataloader = dict(dataset=dict(source=store, roles=dict(bank='xsub_train', query='xsub_val')))
test_dataloader = val_dataloader
val_evaluator = dict(probes=dict(knn=dict(k=1)))
test_evaluator = val_evaluator
"""
CLASSIFIER = """
store = dict(_delete_=True, type='StoreSource', root='{store}')
train_dataloader = dict(dataset=dict(source=store, split=TRAINED))
val_dataloader = dict(dataset=dict(source=store, roles=dict(_delete_=True, query='xsub_val')))
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, type='Accuracy')
test_evaluator = val_evaluator
net = dict(type='STGCN', channels=[4], strides=[1], temporal_kernel=3)
model = dict(
    _delete_=True, type='Classifier', encoder=dict(type='Encoder', backbone=net),
    data_preprocessor=dict(type='SkeletonPreprocessor', layout='ntu25'),
    head=dict(type='LinearHead', num_classes=CLASSES))
default_hooks = dict(checkpoint=dict(save_best=None))
"""
SIMCLR = """
view = [dict(type='Shear')]
net = dict(type='STGCN', channels=[4], strides=[1], temporal_kernel=3)
model = dict(
    _delete_=True, type='SimCLR',
    encoder=dict(type='Encoder', backbone=net, projector=dict(type='MLPProjector', out_channels=4)),
    data_preprocessor=dict(type='SkeletonPreprocessor', layout='ntu25', views=dict(first=view, second=view)))
train_dataloader = dict(batch_size=1)
"""


def classifier(name: str, says: str, classes: int = 3, trained: str = "xsub_train") -> Mistake:
    """Training of a classifier on the store."""
    text = CLASSIFIER.replace("CLASSES", str(classes)).replace("TRAINED", repr(trained or None))
    return own(name, text, says)


KINECT = """
import numpy as np
from mmsync.config import check, load
from mmsync.store.skeletons import StoreWriter
with StoreWriter("kinect", "kinect20") as writer:
    writer.add("clip", np.ones((1, 8, 20, 3), np.float32), label=0)
check(load("own.py"), files=True)
"""
PLAIN = "dict(name='plain', joints=['a', 'b'], parents=['a', 'b'])"
PREPROCESSOR = "from mmsync.registry import MODELS\nMODELS.build(dict(type='SkeletonPreprocessor', layout={0}, {1}))"
PICKLE = """
import pickle, numpy as np
from mmsync.registry import DATASETS
clips = [dict(frame_dir="clip" + i, label={0}, keypoint=np.ones((1, 4, 25, 3))) for i in "01"]
pickle.dump(clips, open("clips.pkl", "wb"))
DATASETS.build(dict(type="PysklSource", ann_file="clips.pkl"))
"""
AIMCLR = """
import pickle, numpy as np
from mmsync.registry import DATASETS
np.save("data.npy", np.ones((2, 3, 4, 25, 1), np.float32))
pickle.dump((["a", "b"], {0}), open("label.pkl", "wb"))
DATASETS.build(dict(type="AimCLRSource", data_path="data.npy", label_path="label.pkl"))
"""

CASES = [
    # views and augmentations
    option("shear_negative", f"{VIEW}.amplitude=-0.2", r"query\.0\.amplitude: is -0\.2, must be at least 0"),
    option("prob_above_one", f"{VIEW}.prob=1.5", r"query\.0\.prob: is 1\.5, must be in \[0, 1\]"),
    option("views_all_empty", "view=[]", r"views: query and key have no augmentation: they are the same clip"),
    option("programs_without_body", "model.data_preprocessor.programs=8", r"programs=8: they are clips in the body"),
    option("views_missing", "model.data_preprocessor.views=None", r"SkeletonCLR needs the view 'query'"),
    own(
        "scale_reversed",
        "view = [dict(type='RandomScale', scale=(1.2, 0.8))]",
        r"RandomScale: scale=.*1\.2, 0\.8.*; give two numbers \(low, high\) above 0, low <= high",
    ),
    own("angle_negative", "view = [dict(type='Rotate', main_degrees=-30)]", r"main_degrees=-30; give a number of at"),
    own(
        "noise_negative",
        "view = [dict(type='GaussianNoise', std=-0.1)]",
        r"query\.0\.std: is -0\.1, must be at least 0",
    ),
    own("mirror_axis", "view = [dict(type='Mirror', axis=3)]", r"Mirror: axis=3, but the data have axes 0 to 2"),
    own("flip_of_video", "view = [dict(type='VideoFlip')]", r"VideoFlip augments video data, but this is a view of sk"),
    Mistake(
        "sides_missing",
        code=PREPROCESSOR.format(PLAIN, "views=dict(clip=[dict(type='Mirror')])"),
        says=r"Mirror: layout 'plain' has no left and right joints to exchange",
    ),
    Mistake(
        "bones_missing",
        code=PREPROCESSOR.format(PLAIN, "stream='bone'"),
        says=r"layout 'plain' has no bones, each joint",
    ),
    Mistake(
        "pipeline_of_video",
        code="from mmsync.registry import TRANSFORMS\n"
        "TRANSFORMS.build(dict(type='AugmentSkeleton', transforms=[dict(type='VideoFlip')]))",
        says=r"AugmentSkeleton: transforms\.0: VideoFlip augments video data",
    ),
    # numbers
    option("momentum_above_one", "model.momentum=1.5", r"model\.momentum: is 1\.5, must be in \[0, 1\]"),
    option("temperature_zero", "model.temperature=0", r"model\.temperature: is 0, must be above 0"),
    option("queue_zero", "model.queue_size=0", r"model\.queue_size: is 0, must be at least 1"),
    option("queue_below_the_batch", "model.queue_size=5", r"queue_size: is 5, but train_dataloader\.batch_size is 8"),
    option("batch_zero", "train_dataloader.batch_size=0", r"train_dataloader\.batch_size: is 0, must be at least 1"),
    option("batch_of_val_zero", "val_dataloader.batch_size=0", r"val_dataloader\.batch_size: is 0, must be at least 1"),
    option("window_zero", "model.data_preprocessor.window=0", r"data_preprocessor\.window: is 0, must be at least 1"),
    option("length_zero", "clips.pipeline.0.length=0", r"pipeline\.0\.length: is 0, must be at least 1"),
    option("persons_zero", "clips.pipeline.1.num_persons=0", r"pipeline\.1\.num_persons: is 0, must be at least 1"),
    option("stride_zero", "model.encoder.backbone.strides=[0]", r"backbone\.strides: is 0, must be at least 1"),
    option("dropout_above_one", "model.encoder.backbone.dropout=1.5", r"dropout: is 1\.5, must be in \[0, 1\)"),
    option("lr_negative", "optim_wrapper.optimizer.lr=-1", r"optimizer\.lr: is -1, must be at least 0"),
    option("clip_negative", "optim_wrapper.clip_grad.max_norm=-1", r"clip_grad\.max_norm: is -1, must be above 0"),
    option("epochs_zero", "train_cfg.max_epochs=0", r"train_cfg\.max_epochs: is 0, must be at least 1"),
    option("bad_share", "train_dataloader.dataset.max_bad_share=2", r"max_bad_share: is 2, must be in \[0, 1\]"),
    # settings that go against each other
    option("persons_differ", "val_dataloader.dataset.pipeline.1.num_persons=1", r"num_persons: is 1, but train_datal"),
    option("val_never", "train_cfg.val_begin=3", r"train_cfg\.val_begin: is 3, but the run has 1 epochs"),
    option("val_drops", "val_dataloader.drop_last=True", r"val_dataloader\.drop_last: leaves samples out"),
    option("bank_is_query", "val_dataloader.dataset.roles.query=train", r"bank and query are both 'train'"),
    option(
        "nothing_saved",
        "default_hooks.checkpoint.interval=5 default_hooks.checkpoint.save_last=False",
        r"checkpoint\.interval: is 5, but the run has 1 epochs and save_last=False",
    ),
    own(
        "ema_never", "custom_hooks = [dict(type='EMAHook', begin_epoch=4)]", r"begin_epoch: is 4, but .* nothing is av"
    ),
    own("batch_of_one", SIMCLR, r"batch_size: is 1, but SimCLR compares the samples of a batch and needs at least 2"),
    own(
        "time_embeddings",
        "net = dict(_delete_=True, type='SkeletonViT', embed_dim=8, depth=1, num_heads=2, t_patch=1, clip_len=120)\n"
        "model = dict(encoder=dict(backbone=net))",
        r"clip_len: is 120, but the clips have 8 frames \(train_.*pipeline\.0\.length\); set it to 8",
    ),
    # pipelines and labels
    own(
        "packing_missing",
        "train_dataloader = dict(dataset=dict(pipeline=[dict(type='ResizeClip', length=8)]))",
        r"train_dataloader\.dataset\.pipeline: its last transform must pack the clip; end with dict\(type='PackSkel",
    ),
    own(
        "packing_too_early",
        "train_dataloader = dict(dataset=dict(pipeline=[dict(type='PackSkeleton', num_persons=2), "
        "dict(type='ResizeClip', length=8)]))",
        r"pipeline\.0: PackSkeleton must be the last; move it to the end",
    ),
    Mistake(
        "label_of_text",
        code=PICKLE.format("'walk'"),
        says=r"clips\.pkl: annotation 0 \(clip0\) .*label is 'walk'; number",
    ),
    Mistake("label_of_fraction", code=PICKLE.format("1.5"), says=r"annotation 0 \(clip0\) .*label is 1\.5; number the"),
    Mistake(
        "label_of_text_in_aimclr", code=AIMCLR.format("['walk', 'run']"), says=r"label\.pkl: label 0 is 'walk'; nu"
    ),
    Mistake("labels_ragged", code=AIMCLR.format("[[0], [1, 2]]"), says=r"label\.pkl"),
    Mistake(
        "label_of_text_in_a_list",
        code="from mmsync.datasets.sources.clips.lists import read_list\nread_list('list.txt')",
        says=r"list\.txt, line 2: 'b\.mp4 walk' is neither .*; number the classes from 0 on",
        files={"list.txt": "a.mp4 0\nb.mp4 walk\n"},
    ),
    # the data
    Mistake(
        "kinect_read_as_ntu",
        code=KINECT,
        says=r"source\.layout: is kinect20, but train_dataloader\.dataset\.layout is 'ntu25', and no remap",
        files={
            "own.py": "_base_ = ['{config}']\nstore = dict(_delete_=True, type='StoreSource', root='kinect')\n"
            "train_dataloader = dict(dataset=dict(source=store, layout='ntu25'))\n"
        },
    ),
    Mistake(
        "kinect_given_to_an_ntu_model",
        code=KINECT,
        says=r"is 'ntu25', but .*is 'kinect20'|is 'kinect20', but .* is 'ntu25'",
        files={
            "own.py": "_base_ = ['{config}']\nstore = dict(_delete_=True, type='StoreSource', root='kinect')\n"
            "train_dataloader = dict(dataset=dict(source=store))\n"
        },
    ),
    own(
        "store_of_other_joints",
        STORE
        + "model = dict(data_preprocessor=dict(layout='kinect20'), encoder=dict(backbone=dict(layout='kinect20')))",
        r"is 'ntu25', but .*is 'kinect20'|is 'kinect20', but .* is 'ntu25'",
    ),
    option(
        "k_above_the_bank",
        "val_evaluator.probes.knn.k=17",
        r"KNN\.k=17, but half of the classes have .* vote",
        warned=True,
    ),
    option(
        "k_above_the_classes", "val_evaluator.probes.knn.k=9", r"KNN\.k=9, but half of the classes have at", warned=True
    ),
    option("k_zero", "val_evaluator.probes.knn.k=0", r"probes\.knn\.k: is 0, must be at least 1"),
    option(
        "probe_of_test", "test_evaluator.probes.knn.temperature=0", r"test_evaluator\.probes\.knn\.temperature: is 0"
    ),
    option(
        "column_missing", "val_evaluator.probes.knn.column=sound", r"FeatureMetric: the model's predict\(\) sets no `so"
    ),
    # several streams
    own("topk_above_the_queue", "model = dict(type='CMD', topk=17)", r"model\.topk=17: give .* at most queue_size=16"),
    own("queues_below_the_batch", "model = dict(type='CrosSCLR', queue_size=5)", r"queue_size: is 5, but train_d"),
    own(
        "streams_made_twice",
        "model = dict(type='CMD', topk=4, data_preprocessor=dict(stream='bone'))",
        r"stream='bone': CMD makes the streams itself, of joints; set it to 'joint'",
    ),
    own(
        "heads_without_projector",
        "model = dict(type='CrosSCLR', reference_heads=True, encoder=dict(projector=None))",
        r"reference_heads: give each encoder a projector of two layers",
    ),
    own(
        "one_stream_together",
        SIMCLR.replace("SimCLR", "UmURL").replace(", projector=dict(type='MLPProjector', out_channels=4)", "")
        + "train_dataloader = dict(batch_size=8)",
        r"stream='joint': UmURL encodes several streams together",
    ),
    classifier("head_of_more_classes", r"num_classes: is 101, but .* has 3 classes; set it to 3", 101),
    classifier("head_of_fewer_classes", r"num_classes: is 2, but .* has 3 classes; set it to 3", 2),
    classifier("trained_on_the_test", r"val_dataloader: 4 of its 4 clips to be judged are trained on too", trained=""),
    Mistake(
        "joints_of_two_tracks",
        code="from mmsync.registry import MODELS\n"
        "encoder = dict(type='Encoder', backbone=dict(type='STGCN', channels=[4], strides=[1]))\n"
        "head = dict(type='ActionHead', num_classes=3)\n"
        "MODELS.build(dict(type='Classifier', encoder=encoder, head=head, num_tracks=2))",
        says=r"model\.head: ActionHead takes the joints of one track, but model\.num_tracks=2",
    ),
]
