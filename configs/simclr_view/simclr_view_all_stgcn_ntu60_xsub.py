# View and distance, as Gao, Yang and Du propose, on NTU RGB+D 60, cross-subject; split=xview: cross-view:
# SimCLR, all three angles and the distance.
# encoder=NAME takes another encoder, distance=None the viewpoint alone, level=frame a camera for each frame.
_base_ = ["../_base_/datasets/ntu60.py", "../_base_/models/view_ntu.py", "../_base_/schedules/lars.py"]
preparation = "view"
batch_size = 512
