# Finetuning on NW-UCLA (cross-view) of an encoder that was pretrained elsewhere. Any other data set: --dataset FILE.
_base_ = "../../_base_/schedules/finetune.py"
protocol = dict(
    title="finetuned", metric="accuracy/top1", best="accuracy/top1_best", seeds=[0],
    dataset="../../_base_/datasets/ucla.py")
