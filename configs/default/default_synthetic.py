# The default on the built-in world.
_base_ = ["../_base_/datasets/synthetic.py", "../_base_/models/motion.py", "../_base_/schedules/motion.py"]
