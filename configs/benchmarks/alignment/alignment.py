# Alignment of sequences by frozen embeddings of frames: phases, progress, tau, retrieval, actions. Results are means
# over activities, each with an interval over videos; `position` beside them is that of the position t / T alone, which
# tau above all has to be compared with. Logistic regression as CASA and CARL, stride 2 as for Penn Action.
protocol = dict(title="phases of frames, logistic regression", metric="phases/mean")
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        phases=dict(type="PhaseClassification", protocol="casa", fractions=[0.1, 0.5, 1.0]),
        progress=dict(type="PhaseProgress", missing="tcc"),
        tau=dict(type="KendallTau", stride=2, normalize=False),
        frame_retrieval=dict(type="FrameRetrieval", k=[5, 10, 15], stride=2, normalize=False),
        actions=dict(type="ActionRecognition", num_frames=16),
        activities=dict(type="ActivitySeparability", k=5, num_frames=16),
        position=dict(type="PositionProbe"),
    ),
)
