# One's own clips in mmsync's format (tools/dataset_converters/to_store.py makes it of other formats), of any layout.
root = "data/store"
train = "train"  # names of the store's splits
test = "test"
layout = None  # a name, or a layout of one's own as a dict; None: coordinates and joints are not known before reading
persons = 1

source = dict(type="StoreSource", root=root)
pipeline = [
    dict(type="FillJoints"),  # that a sensor missed, and which are zeros
    dict(type="CenterOnJoint", frame="first", person="first"),
    dict(type="ResizeClip", length=64),
    dict(type="PackSkeleton", num_persons=persons)]
clips = dict(type="SkeletonDataset", source=source, pipeline=pipeline, layout=layout, cache=True)

train_dataloader = dict(batch_size=128, dataset=dict(clips, split=train))
val_dataloader = dict(batch_size=256, dataset=dict(clips, roles=dict(bank=train, query=test)))
test_dataloader = val_dataloader

val_evaluator = dict(type="FeatureMetric", probes=dict(knn=dict(type="KNN", k=5)))
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(knn=dict(type="KNN", k=[5, 1]), logistic=dict(type="LogisticProbe")))
