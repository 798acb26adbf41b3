# 5 % of the training labels, round(5 % of n_c) clips of each class but at least one (CrosSCLR's and AimCLR's rule).
_base_ = "../../_base_/schedules/finetune.py"
title = "semi-supervised, 5 % of each class"
protocol = dict(title=title, metric="accuracy/top1", best="accuracy/top1_best", seeds=[0, 1, 2, 3, 4])
train_dataloader = dict(dataset=dict(subset=dict(share=0.05, rule="stratified")))
