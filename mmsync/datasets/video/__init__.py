"""Video files: pictures by time, what is in them, and an index of a folder."""

from .reader import BACKENDS, VideoInfo, VideoReader, open_video
