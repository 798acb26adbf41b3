# A hundred epochs of 768 pairs: easy negatives at first, a third hard from epoch 20 on.
_base_ = ["./adamw_cosine.py", "../default_runtime.py"]

custom_hooks = [
    dict(type="CurriculumHook", stages=[(0, dict(positive=1, easy=3)), (20, dict(positive=1, easy=2, hard=1))])
]
default_hooks = dict(checkpoint=dict(interval=20, save_best="pairs/auc"))
train_cfg = dict(max_epochs=100, val_interval=20)
