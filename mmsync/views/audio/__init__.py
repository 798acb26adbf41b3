from mmsync.views.audio.augmentation import VolumeJitter
from mmsync.views.audio.frontends import MFCC, FrontEnd, LogFilterbank, LogMel, LogSpectrogram, MuLaw
from mmsync.views.audio.preprocessor import AudioPreprocessor

__all__ = [
    "MFCC", "AudioPreprocessor", "FrontEnd", "LogFilterbank", "LogMel", "LogSpectrogram", "MuLaw", "VolumeJitter",
]  # fmt: skip
