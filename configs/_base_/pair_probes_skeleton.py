# As pair_probes.py, for skeletons: the actions are those of people in sync; a shifted pair shows none.
val_evaluator = [
    dict(type="PairVerification"),
    dict(type="PairProbe", kinds=["positive"], knn=dict(k=5, standardize=True)),
]
test_evaluator = [
    dict(type="PairVerification"),
    dict(
        type="PairProbe",
        kinds=["positive"],
        knn=dict(k=[5, 1], standardize=True),
        linear=dict(epochs=100, lr=0.1, milestones=[80], weight_decay=1e-4, standardize=True),
    ),
]
