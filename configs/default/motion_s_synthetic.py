# motion-s, the model in the box: it learns from generated people alone (docs/motion_s.md).
#   python tools/train.py configs/default/motion_s_synthetic.py
# A batch has 64 clips of the built-in world, in which a clip's two views are one recording, and 192 motion programs, each
# performed and recorded twice. About 70 minutes on one CPU core; --resume continues it.
_base_ = ["../_base_/datasets/synthetic.py", "../_base_/models/motion.py", "../_base_/schedules/motion.py"]
max_iters = 3000
val_interval = 500
source = dict(type="SyntheticSource", num_clips=(8192, 512), num_performers=(200, 20))
model = dict(encoder=dict(frozen=None, whitening=None), data_preprocessor=dict(programs=192))
train_dataloader = dict(batch_size=64)
custom_hooks = []  # sides tell programs apart
