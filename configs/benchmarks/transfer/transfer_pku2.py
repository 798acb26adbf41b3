# Finetuning on PKU-MMD II (cross-subject), the usual goal of encoders pretrained on NTU60 or NTU120.
_base_ = "../finetune/finetune.py"
protocol = dict(title="transfer: finetuned on PKU-MMD II", dataset="../../_base_/datasets/pku2_xsub.py")
