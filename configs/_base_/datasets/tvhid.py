# Pairs of people in TV Human Interaction: set 1 trains, set 2 tests, a second at 25 frames a second.
# data_root is the data set as its owners have it, or the folder that tools/dataset_converters/tvhid.py makes of it.
# Labels never enter pretraining: pairs are made of boxes and times alone.
data_root = "data/tvhid"
# Windows of Sync3D's report: the middle second of what two tracks have in common. Hard negatives are then in tracks of
# three seconds and more alone, and drawn again as often as the mix asks; the log says how often. "any": any second.
placement = "center"

source = dict(type="TVHIDSource", data_root=data_root, size=224)
pairs = dict(
    type="PairDataset",
    source=source,
    window=25,
    shift=25,  # so that the windows of a hard negative do not overlap
    placement=placement,
    mix=dict(positive=1, easy=1, medium=1, hard=1),  # one in four is positive, a third of the others hard
)
roles = dict(bank="train", query="test")
loader = dict(num_workers=2, persistent_workers=True)

train_dataloader = dict(loader, batch_size=8, dataset=dict(pairs, split="train"))
val_dataloader = dict(  # the same pairs in every evaluation
    loader, batch_size=8, dataset=dict(pairs, roles=roles, test_mode=True))
test_dataloader = val_dataloader

# Distances: are pairs in sync told from others? Features, of both tracks side by side: what do the two do?
# Thresholds and probes come from the bank.
# "report": SGD at 1e-3 with weight decay 1e-5 on raw features; momentum, batch and length are not printed.
# "standardized" arrives in an eighth of its epochs.
probe = "report"
_probes = dict(
    report=dict(type="LinearProbe", epochs=800, batch_size=8, lr=1e-3, milestones=[], weight_decay=1e-5),
    standardized=dict(type="LinearProbe", epochs=100, lr=0.1, milestones=[80], weight_decay=1e-4, standardize=True))
linear = _probes[probe]
knn = dict(type="KNN", k=5, standardize=True)
val_evaluator = dict(
    type="FeatureMetric", probes=dict(pairs=dict(type="PairVerification"), knn=knn))
test_evaluator = dict(
    type="FeatureMetric",
    per_class=True,
    per_video=True,
    probes=dict(pairs=dict(type="PairVerification"), knn=dict(knn, k=[5, 1]), linear=linear))
