# As ucf101.py, of Kinetics-400: data_root has <split>/<class>/<id>_<start>_<end>.mp4 and the published list k400.csv.
# Clips that are gone from their site are told and left out. Make the index before, it takes hours:
#   python tools/dataset_converters/index_videos.py data/kinetics400 data/kinetics400/videos.jsonl
_base_ = "./ucf101.py"

data_root = "data/kinetics400"
source = dict(
    _delete_=True,
    type="KineticsSource",
    data_root=data_root,
    list_file=f"{data_root}/k400.csv",
    index_file=f"{data_root}/videos.jsonl",
)
train_dataloader = dict(dataset=dict(source=source))
val_dataloader = dict(dataset=dict(source=source, roles=dict(query="val")))
test_dataloader = dict(dataset=dict(source=source, roles=dict(query="val")))
