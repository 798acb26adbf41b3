# Kinetics-400, as ucf101.py. data_root has <split>/<class>/<id>_<start>_<end>.mp4 and the published list k400.csv.
# Clips that are gone from their site are reported and left out. Make the index before, it takes hours:
#   python tools/dataset_converters/index_videos.py data/kinetics400 data/kinetics400/videos.jsonl
data_root = "data/kinetics400"
source = dict(
    type="KineticsSource",
    data_root=data_root,
    list_file=f"{data_root}/k400.csv",
    index_file=f"{data_root}/videos.jsonl")

clips = dict(type="VideoDataset", source=source, window=16, fps=15, size=128)
loader = dict(batch_size=32, num_workers=4)

train_dataloader = dict(loader, persistent_workers=True, dataset=dict(clips, split="train"))
val_dataloader = dict(  # the middle window of each video
    loader, persistent_workers=True, dataset=dict(clips, roles=dict(query="val"), test_mode=True))
# Ten windows of each video, whose softmax is averaged.
test_dataloader = dict(loader, dataset=dict(clips, roles=dict(query="val"), clips=10, test_mode=True))

val_evaluator = dict(type="Accuracy")
test_evaluator = dict(type="Accuracy", per_video=True)
