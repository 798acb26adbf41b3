"""Video files: decode frames by time, scan and index folders, cut crops, compute flow; PyAV is imported on use."""

from mmsync.media.index import USABLE, VideoIndex, build_index, scan_video, sound_apart
from mmsync.media.reader import BACKENDS, VideoInfo, VideoReader, open_video
from mmsync.media.sound import Sound, read_sound
from mmsync.media.write import numbered_pictures, read_numbers, write_video

__all__ = [
    "BACKENDS", "USABLE", "Sound", "VideoIndex", "VideoInfo", "VideoReader", "build_index", "numbered_pictures",
    "open_video", "read_numbers", "read_sound", "scan_video", "sound_apart", "write_video",
]  # fmt: skip
