# 10 % of the training labels, int(10 % of N) clips drawn from all alike (MAMP's rule): a class may get none.
_base_ = "./semi10.py"
protocol = dict(title="semi-supervised, 10 % of all clips")
train_dataloader = dict(dataset=dict(subset=dict(rule="uniform")))
