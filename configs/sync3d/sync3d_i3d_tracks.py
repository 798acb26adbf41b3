# Sync3D on one's own videos: tools/dataset_converters/tracks.py makes data_root of them and of a tracker's boxes. There are
# no classes, so the pretext alone is judged, on the videos that the store holds back. Where there is no negative of a kind,
# the others take its share, and the log says so.
_base_ = "./sync3d_i3d_tvhid.py"

data_root = "data/tracks"
source = dict(_delete_=True, type="VideoTrackSource", data_root=data_root, size=224)
train_dataloader = dict(dataset=dict(source=source, redistribute=True))
val_dataloader = dict(dataset=dict(source=source, redistribute=True))
test_dataloader = dict(dataset=dict(source=source, redistribute=True))
val_evaluator = [dict(type="PairVerification")]
test_evaluator = [dict(type="PairVerification")]
