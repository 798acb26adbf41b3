# By how many pictures is the sound early? The window of sound slides 15 pictures either way; the least distance answers.
protocol = dict(title="offset by sliding, within one picture", metric="offset/within")
test_dataloader = dict(
    batch_size=10, dataset=dict(slide=15, mix=dict(_delete_=True, positive=1), num_samples=150))
test_evaluator = dict(type="FeatureMetric", probes=dict(offset=dict(type="OffsetEstimation")), collapse=False)
