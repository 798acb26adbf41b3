# 1 % of the training labels, round(1 % of n_c) clips of each class but at least one (CrosSCLR's and AimCLR's rule).
_base_ = "../finetune/finetune.py"
protocol = dict(title="semi-supervised, 1 % of each class", seeds=[0, 1, 2, 3, 4])
train_dataloader = dict(dataset=dict(subset=dict(share=0.01, rule="stratified")))
