# Penn Action with phases, one model for all activities: labels/*.mat and casa_npyrecords/<activity>_<split>.npy.
# The source is that of 2D joints; for 3D ones of SMPL's rotations, without files under license:
# source=dict(type="CASASource", data_root=data_root, activities=activities)
data_root = "data/penn_action"
activities = None  # or names, for a model of one activity: ["golf_swing"]
repeats = 1  # samples of each sequence in an epoch; CASA has 50
batch_size = 32
source = dict(type="PennSequenceSource", data_root=data_root, activities=activities)

sequences = dict(type="SequenceDataset", source=source)
# The bank is what the labels of frames are learned from, the query what is measured. Both in the order of the files.
roles = dict(bank="train", query="val")

train_dataloader = dict(batch_size=batch_size, dataset=dict(sequences, split="train", repeats=repeats))
val_dataloader = dict(batch_size=batch_size, dataset=dict(sequences, roles=roles, test_mode=True))
test_dataloader = val_dataloader
