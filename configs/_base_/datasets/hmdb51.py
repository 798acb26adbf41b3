# As ucf101.py, of HMDB51. data_root has hmdb51_org/<class>/*.avi and testTrainMulti_7030_splits/. The shortest clips
# have 20 frames at 30 a second: what ends before the window is shown again from its beginning.
_base_ = "./ucf101.py"

data_root = "data/hmdb51"
fold = 1
source = dict(type="HMDB51Source", data_root=data_root, fold=fold)
train_dataloader = dict(dataset=dict(source=source))
val_dataloader = dict(dataset=dict(source=source))
test_dataloader = dict(dataset=dict(source=source))
