# L3-Net (Arandjelovic and Zisserman, 2017, Look, Listen and Learn): VGG on a picture of 224 pixels and VGG on a linear
# log-spectrogram of a second, 257 bands x 199 frames; 9,508,738 parameters. Set in the data: size 224, frames 1, rate
# 48000, duration 1. Probes of sound see the maxima of 3 x 4 cells of frames and bands, 6144 numbers.
widths = [64, 128, 256, 512]
hidden_channels = 128
frontend = dict(type="LogSpectrogram", n_fft=512, window=480, hop=240, center=False, power=1)
views = dict(
    video=[dict(type="VideoFlip"), dict(type="ColorJitter", brightness=0.125, contrast=0, saturation=0.5, hue=0)],
    audio=[dict(type="VolumeJitter")])
pool = dict(type="MaxPool")
model = dict(
    type="L3Net", hidden_channels=hidden_channels,
    video=dict(type="Encoder", backbone=dict(type="FrameVGG", widths=widths), pool=pool),
    audio=dict(
        type="Encoder", backbone=dict(type="AudioVGG", widths=widths), pool=pool,
        probe_pool=dict(type="MaxPool", cells=(3, 4))),
    data_preprocessor=dict(
        type="ComposedPreprocessor",
        parts=dict(
            video=dict(type="VideoPreprocessor", views=dict(video=views["video"])),
            audio=dict(type="AudioPreprocessor", frontend=frontend, views=dict(audio=views["audio"])))))
