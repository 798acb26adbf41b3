# The default on JHMDB, 2D joints.
_base_ = ["../_base_/datasets/jhmdb_ddnet.py", "../_base_/models/motion.py", "../_base_/schedules/motion.py"]
preparation = "path"
