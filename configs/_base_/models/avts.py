# AVTS (Korbar et al., 2018): MC3-18 on pictures, VGG on 40 mel bands of 100 frames a second, and the contrastive loss
# with margin 0.99. How the towers end is not printed: here with an embedding of 16 numbers for each of 25 steps of time,
# which stand side by side, because a mean over time would hide when something happens. MC3 keeps the steps of the
# pictures; the audio tower halves time twice. Probes see the mean.
width = 1.0  # share of the channels of MC3
widths = [64, 128, 256, 512]
hidden_channels = 512
pools = dict(pool=dict(type="FramePool"), probe_pool=dict(type="MeanPool"))
views = dict(video=[dict(type="VideoFlip")], audio=[dict(type="VolumeJitter")])
frontend = dict(
    type="LogMel", rate=16000, n_fft=256, hop=160, bands=40, scale="htk", norm="sum", center=False, frames=100,
    compression="log_linear", gain=32768)
projector = dict(type="MLPProjector", hidden_channels=hidden_channels, out_channels=16, norm=True)
model = dict(
    type="AVTS",
    video=dict(
        pools, type="Encoder", backbone=dict(type="VideoResNet", variant="mc3", width=width), projector=projector),
    audio=dict(
        pools, type="Encoder", backbone=dict(type="AudioVGG", widths=widths, time_pools=2), projector=projector),
    data_preprocessor=dict(
        type="ComposedPreprocessor",
        parts=dict(
            video=dict(type="VideoPreprocessor", views=dict(video=views["video"])),
            audio=dict(type="AudioPreprocessor", frontend=frontend, views=dict(audio=views["audio"])))))
