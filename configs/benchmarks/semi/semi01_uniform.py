# 1 % of the training labels, int(1 % of N) clips drawn from all alike (MAMP's rule): a class may get none.
_base_ = "./semi01.py"
protocol = dict(title="semi-supervised, 1 % of all clips")
train_dataloader = dict(dataset=dict(subset=dict(rule="uniform")))
