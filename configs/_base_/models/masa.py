# MASA. Its parts are variables, as in the ablation of the paper: layers=[self,self] is without cross-attention,
# predictor=False without the clustering predictor, stop_gradient=False lets its target learn; common=[] is without a
# shared window, first=[] augments one view alone.
_base_ = "./sequence.py"
layers = ["self", "cross", "self", "cross"]
stop_gradient = True
predictor = dict(type="ClipClusterPredictor")
model = dict(
    type="MASA",
    context=dict(type="CrossContext", layers=layers),
    predictor=predictor,
    loss=dict(type="IndexMatchingLoss", stop_gradient=stop_gradient))
