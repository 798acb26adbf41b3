from .confusion import confused_pairs, draw_confusion
from .curves import Run, draw_curves, read_run
from .embedding import draw_embedding, embed_2d
from .skeleton import Panel, bone_segments, camera, draw_strip, find_camera, render, write_film

__all__ = [
    "Panel",
    "Run",
    "bone_segments",
    "camera",
    "confused_pairs",
    "draw_confusion",
    "draw_curves",
    "draw_embedding",
    "draw_strip",
    "embed_2d",
    "find_camera",
    "read_run",
    "render",
    "write_film",
]
