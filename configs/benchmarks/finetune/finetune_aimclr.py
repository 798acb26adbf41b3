# AimCLR's finetuning as its authors describe it: SGD at 0.01 with weight decay 1e-4, batch 128, 100 epochs, and the
# network in eval mode all along (batch statistics of the pretraining, no dropout). Crop and shear as in their views.
# The step after epoch 80 is that of their linear probe; they name none.
_base_ = "../../_base_/schedules/finetune.py"
protocol = dict(title="finetuned, AimCLR's recipe", metric="accuracy/top1", best="accuracy/top1_best", seeds=[0])
model = dict(
    head=dict(dropout=0.0),
    label_smoothing=0.0,
    eval_mode=True,
    data_preprocessor=dict(views=dict(clip=[dict(type="AimCLRNormal")])),
)
train_dataloader = dict(batch_size=128)
optim_wrapper = dict(
    _delete_=True, type="OptimWrapper", optimizer=dict(type="SGD", lr=0.01, momentum=0.9, weight_decay=1e-4)
)
param_scheduler = [dict(type="MultiStepLR", milestones=[80], gamma=0.1, by_epoch=True)]
