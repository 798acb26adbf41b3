# The default on UTD-MHAD.
_base_ = ["../_base_/datasets/utd_mhad.py", "../_base_/models/motion.py", "../_base_/schedules/motion.py"]
preparation = "view"
