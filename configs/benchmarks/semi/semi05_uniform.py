# 5 % of the training labels, int(5 % of N) clips drawn from all alike (MAMP's rule): a class may get none.
_base_ = "./semi05.py"
protocol = dict(title="semi-supervised, 5 % of all clips")
train_dataloader = dict(dataset=dict(subset=dict(rule="uniform")))
