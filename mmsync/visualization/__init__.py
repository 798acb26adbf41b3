from .alignment import draw_alignment, render_alignment
from .figures import confused_pairs, draw_confusion, draw_curves, draw_embedding, embed_2d, read_history
from .frames import FrameSample, draw_frame_embedding, is_ragged, queries_of, sample_frames
from .pictures import Strip, draw_pictures, render_pictures
from .retrieval import Shown, draw_retrieval
from .sequences import SequenceClip, read_clip
from .skeleton import Panel, bone_segments, camera, draw_strip, find_camera, render, write_film

__all__ = [
    "FrameSample", "Panel", "SequenceClip", "Shown", "Strip", "bone_segments", "camera", "confused_pairs",
    "draw_alignment", "draw_confusion", "draw_curves", "draw_embedding", "draw_frame_embedding", "draw_pictures",
    "draw_retrieval", "draw_strip", "embed_2d", "find_camera", "is_ragged", "queries_of", "read_clip",
    "read_history", "render", "render_alignment", "render_pictures", "sample_frames", "write_film",
]  # fmt: skip
