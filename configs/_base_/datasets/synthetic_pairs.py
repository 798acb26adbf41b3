# Two people of the built-in world, in what they do together: 25 joints, 30 frames a second. Training and test share no
# performer. The two of a clip count as near, so that there are no medium negatives.
actions = ["shake_hands", "high_five", "push", "approach", "depart"]
source = dict(
    type="SkeletonTrackSource",
    source=dict(type="SyntheticSource", num_clips=(512, 256), actions=actions),
    fps=30)
mix = dict(positive=1, easy=2, hard=1)
pairs = dict(type="PairDataset", source=source, window=20, shift=20, placement="any", mix=mix)

train_dataloader = dict(batch_size=64, dataset=dict(pairs, split="train"))
val_dataloader = dict(batch_size=256, dataset=dict(pairs, roles=dict(bank="train", query="test"), test_mode=True))
test_dataloader = val_dataloader

# Distances: are pairs in sync told from others? Features, of both tracks side by side: what do the two do?
# Thresholds and probes come from the bank. The actions are those of people in sync; a shifted pair shows none.
linear = dict(type="LinearProbe", epochs=100, lr=0.1, milestones=[80], weight_decay=1e-4, standardize=True)
knn = dict(type="KNN", k=5, standardize=True)
val_evaluator = dict(
    type="FeatureMetric", kinds=["positive"], probes=dict(pairs=dict(type="PairVerification"), knn=knn))
test_evaluator = dict(
    type="FeatureMetric",
    kinds=["positive"], per_class=True,
    per_video=True,
    probes=dict(pairs=dict(type="PairVerification"), knn=dict(knn, k=[5, 1]), linear=linear))
