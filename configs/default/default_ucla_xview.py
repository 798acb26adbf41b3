# The default on NW-UCLA.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/motion.py", "../_base_/schedules/motion.py"]
preparation = "view"
