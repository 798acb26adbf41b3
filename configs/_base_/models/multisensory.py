# Owens and Efros, 2018, Audio-Visual Scene Analysis with Self-Supervised Multisensory Features: 125 pictures of 224
# pixels at 29.97 a second and 4.2 s of stereo sound at 21 kHz, companded; 36.0 million parameters. Both sounds of a clip
# are in the batch, their starts 2.17 to 5.87 s apart: gap=(-2.03, 1.67), the time between windows of 4.2 s. The first
# 30,000 iterations see every fourth picture (fps / 4); load_from is how the full rate starts from their weights.
video_width = 64
audio_widths = [64, 128, 128, 256]
fusion_widths = [128, 512, 128, 128, 256, 512]
strides = [1, 2, 2]  # of the picture in the trunk; [1, 2, 1] for finer maps of sound
reach = 3  # spatial size of the trunk's kernels
channels = 2
views = dict(video=[dict(type="VideoFlip")], audio=[])
model = dict(
    type="Multisensory", fusion_widths=fusion_widths, strides=strides, reach=reach,
    video=dict(type="Encoder", backbone=dict(type="MultisensoryStem", width=video_width)),
    audio=dict(type="Encoder", backbone=dict(type="WaveformNet", in_channels=channels, widths=audio_widths)),
    data_preprocessor=dict(
        type="ComposedPreprocessor",
        parts=dict(
            video=dict(type="VideoPreprocessor", views=dict(video=views["video"])),
            audio=dict(type="AudioPreprocessor", frontend=dict(type="MuLaw"), views=dict(audio=views["audio"])),
            contrast=dict(type="AudioPreprocessor", frontend=dict(type="MuLaw"), views=dict(contrast=views["audio"])))))
