# Finetuning of the whole encoder with a linear head, for transformers and for the ST-GCN, where a layer is a block.
_base_ = "../../_base_/schedules/finetune.py"
protocol = dict(title="finetuned", metric="accuracy/top1", best="accuracy/top1_best", seeds=[0])
