# H2O, pouring milk: 38 sequences with 10 phases, which exist in CASA's archives pouring_milk_{train,val}.npy alone.
# Their poses are rotations of hands; joints need MANO's files. The joints (42, 3) of all 36 actions, without phases:
# source=dict(type="H2OSource", data_root="data/h2o")
data_root = "data/h2o"
activities = ["pouring_milk"]
repeats = 1  # samples of each sequence in an epoch; CASA has 50
batch_size = 16
source = dict(type="CASASource", data_root=data_root, activities=activities, pose="rotations")

sequences = dict(type="SequenceDataset", source=source)
roles = dict(bank="train", query="val")

train_dataloader = dict(batch_size=batch_size, dataset=dict(sequences, split="train", repeats=repeats))
val_dataloader = dict(batch_size=batch_size, dataset=dict(sequences, roles=roles, test_mode=True))
test_dataloader = val_dataloader
