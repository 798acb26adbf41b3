# MASA on 2D joints of Penn Action, one model for all activities; activities=["golf_swing"] for one of them.
_base_ = ["../_base_/datasets/penn_alignment.py", "../_base_/models/sequence.py", "../_base_/schedules/masa.py"]
repeats = 4
model = dict(type="MASA")
