# 10 % of the training labels, int(10 % of N) clips drawn from all alike (MAMP's rule): a class may get none.
_base_ = "../../_base_/schedules/finetune.py"
title = "semi-supervised, 10 % of all clips"
protocol = dict(title=title, metric="accuracy/top1", best="accuracy/top1_best", seeds=[0, 1, 2, 3, 4])
train_dataloader = dict(dataset=dict(subset=dict(share=0.10, rule="uniform")))
