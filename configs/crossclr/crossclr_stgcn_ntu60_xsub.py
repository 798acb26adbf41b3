# CrosSCLR of three streams to the letter of its release (Li et al., 2021) on NTU RGB+D 60, cross-subject; split=xview:
# cross-view. model.reference_heads=False: each stream has its own projector; model.reference_ema=False: all keys move.
_base_ = ["../_base_/datasets/ntu60.py", "../_base_/models/skeletonclr_ref.py", "../_base_/schedules/sgd.py"]
model = dict(type="CrosSCLR", cross_epoch=150, topk=1, context=True, reference_heads=True, reference_ema=True)
