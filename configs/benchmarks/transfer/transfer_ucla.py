# Finetuning on NW-UCLA (cross-view) of an encoder that was pretrained elsewhere. Any other data set: --dataset FILE.
_base_ = ["../finetune/finetune.py", "../../_base_/datasets/ucla_xview.py"]
protocol = dict(title="transfer: finetuned on NW-UCLA")
train_dataloader = dict(batch_size=48)
