# Sequences of the built-in world: 13 activities with the names and phases of Penn Action, 25 joints, 40 to 120 frames.
# Training and validation share no performer. Labels are the activities; phases never enter pretraining.
activities = None  # or names, for a model of one activity: ["golf_swing"]
batch_size = 32
source = dict(type="SyntheticSequenceSource", num_sequences=(20, 10), activities=activities)
sequences = dict(type="SequenceDataset", source=source)

train_dataloader = dict(batch_size=batch_size, dataset=dict(sequences, split="train"))
val_dataloader = dict(batch_size=64, dataset=dict(sequences, roles=dict(bank="train", query="val"), test_mode=True))
test_dataloader = val_dataloader
