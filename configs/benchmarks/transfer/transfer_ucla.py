# Finetuning on NW-UCLA (cross-view) of an encoder that was pretrained elsewhere. Any other data set: --dataset FILE.
_base_ = "../finetune/finetune.py"
protocol = dict(title="transfer: finetuned on NW-UCLA", dataset="../../_base_/datasets/ucla_xview.py")
