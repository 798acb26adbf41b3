# For transformers on tens of thousands of clips: AdamW, 20 epochs of warm-up, cosine decay, batch 128.
_base_ = "./adamw_cosine.py"

train_cfg = dict(max_epochs=300)
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=5e-2))
param_scheduler = dict(eta_max=1e-3, pct_start=20 / 300)
