# Pairs of people in SBU Kinect Interaction; the videos of one fold are the test. Windows are short, as clips have 10 to
# 46 frames at 15 a second: 10 frames leave hard negatives in those of 20 and more. The two of a clip count as near.
data_root = "data/sbu"
fold = 1

source = dict(type="SkeletonTrackSource", source=dict(type="SBUSource", data_root=data_root), fps=15)
pairs = dict(
    type="PairDataset",
    source=source,
    window=10,
    shift=10,
    placement="any",
    mix=dict(positive=1, easy=2, hard=1))
roles = dict(bank=f"fold{fold}_train", query=f"fold{fold}_test")

train_dataloader = dict(batch_size=64, dataset=dict(pairs, split=f"fold{fold}_train", size=768))
# Eight windows of each clip, the same in every evaluation.
val_dataloader = dict(batch_size=256, dataset=dict(pairs, roles=roles, size=1760, test_mode=True))
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
