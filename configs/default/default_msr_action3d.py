# The default on MSR-Action3D.
_base_ = ["../_base_/datasets/msr_action3d.py", "../_base_/models/motion.py", "../_base_/schedules/motion.py"]
preparation = "view"
