# Pouring (TCC), 70 training, 14 validation and 32 test videos with 5 phases, as TFRecords in
# <data_root>/pouring_tfrecords. Frames are encoded beforehand, here by DINOv2, 1536 numbers a frame, with
# tools/dataset_converters/frame_features.py; see docs/sequences.md. For the same videos as CARL has them:
# source=dict(type="CARLSource", data_root="data/carl/pouring", features=features)
data_root = "data/tcc"
features = "data/pouring_dino"
repeats = 1  # samples of each sequence in an epoch
batch_size = 32
source = dict(type="TCCSource", data_root=data_root, datasets=["pouring"], features=features)

sequences = dict(type="SequenceDataset", source=source)
roles = dict(bank="train", query="val")

train_dataloader = dict(batch_size=batch_size, dataset=dict(sequences, split="train", repeats=repeats))
val_dataloader = dict(batch_size=batch_size, dataset=dict(sequences, roles=roles, test_mode=True))
test_dataloader = val_dataloader
