# SyncNet (Chung and Zisserman, 2016): five pictures of a face at 25 a second, and the 20 MFCC that begin with them. Videos
# of one face each, cropped as the public code does, lie in data/faces/videos/{train,test}/<speaker>/. Published weights:
#   python tools/model_converters/syncnet_to_mmsync.py syncnet_v2.model syncnet.pth
#   python tools/sync.py configs/syncnet/syncnet_lip.py syncnet.pth VIDEO
_base_ = ["../_base_/datasets/synthetic_av.py", "../_base_/schedules/avts.py"]
data_root = "data/faces"
size = 224
frames = 5
duration = 0.215  # seconds: 20 windows of 25 ms, 10 ms apart
lr = 1e-3
stages = [(0, dict(positive=1, hard=1))]  # of the same face: what another one says is another task
model = dict(
    type="SyncNet",
    video=dict(type="Encoder", backbone=dict(type="SyncNetLip")),
    audio=dict(type="Encoder", backbone=dict(type="SyncNetAudio")),
    data_preprocessor=dict(
        type="ComposedPreprocessor",
        parts=dict(
            video=dict(type="VideoPreprocessor"),
            audio=dict(type="AudioPreprocessor", frontend=dict(type="MFCC", frames=20)))))
mix = dict(_delete_=True, positive=1, hard=1)
train_dataloader = dict(dataset=dict(num_samples=None))
val_evaluator = dict(_delete_=True, type="FeatureMetric", probes=dict(pairs=dict(type="PairVerification")))
test_evaluator = dict(_delete_=True, type="FeatureMetric", probes=dict(pairs=dict(type="PairVerification")))
