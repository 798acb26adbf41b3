# IKEA ASM, the shelf drawer: 90 sequences of 17 joints in 3D and up to 4078 frames, 17 phases, in CASA's archives
# kallax_shelf_drawer_{train,val}.npy. Label 0 is background, which evaluation leaves out.
data_root = "data/ikea_asm"
activities = ["kallax_shelf_drawer"]
repeats = 1  # samples of each sequence in an epoch; CASA has 50
batch_size = 4
source = dict(type="CASASource", data_root=data_root, activities=activities, background=0)

sequences = dict(type="SequenceDataset", source=source)
roles = dict(bank="train", query="val")

train_dataloader = dict(batch_size=batch_size, dataset=dict(sequences, split="train", repeats=repeats))
val_dataloader = dict(batch_size=batch_size, dataset=dict(sequences, roles=roles, background="drop", test_mode=True))
test_dataloader = val_dataloader
