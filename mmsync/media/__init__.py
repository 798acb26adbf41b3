"""Video files: pictures by time, what is in them, and an index of a folder. PyAV is imported when it is used."""

from mmsync.media.index import VideoIndex, build_index
from mmsync.media.reader import BACKENDS, VideoInfo, VideoReader, open_video
from mmsync.media.scan import scan_video
from mmsync.media.write import numbered_pictures, read_numbers, write_video

__all__ = [
    "BACKENDS",
    "VideoIndex",
    "VideoInfo",
    "VideoReader",
    "build_index",
    "numbered_pictures",
    "open_video",
    "read_numbers",
    "scan_video",
    "write_video",
]
