# Sync3D on one's own videos: tools/dataset_converters/tracks.py makes data_root of them and of a tracker's boxes.
# There are no classes, so the pretext alone is judged, on the videos that the store holds back. Where there is no
# negative of a kind, the others take its share, and the log says so.
_base_ = ["../_base_/datasets/tvhid.py", "../_base_/models/sync3d_video.py", "../_base_/schedules/sgd_sync3d.py"]
data_root = "data/tracks"
placement = "any"  # as many pairs as the videos have
source = dict(_delete_=True, type="VideoTrackSource", data_root=data_root, size=224)
pairs = dict(redistribute=True)
val_evaluator = dict(
    _delete_=True, type="FeatureMetric", probes=dict(pairs=dict(type="PairVerification")), collapse=False)
test_evaluator = val_evaluator
