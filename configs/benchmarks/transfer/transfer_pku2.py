# Finetuning on PKU-MMD II (cross-subject), the usual goal of encoders pretrained on NTU60 or NTU120.
_base_ = "../../_base_/schedules/finetune.py"
protocol = dict(
    title="finetuned", metric="accuracy/top1", best="accuracy/top1_best", seeds=[0],
    dataset="../../_base_/datasets/pku.py")
