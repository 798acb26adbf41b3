from mmsync.visualization.confusion import confused_pairs, draw_confusion
from mmsync.visualization.curves import draw_curves
from mmsync.visualization.embedding import draw_embedding, embed_2d
from mmsync.visualization.skeleton import Panel, bone_segments, camera, draw_strip, find_camera, render, write_film

__all__ = [
    "Panel",
    "bone_segments",
    "camera",
    "confused_pairs",
    "draw_confusion",
    "draw_curves",
    "draw_embedding",
    "draw_strip",
    "embed_2d",
    "find_camera",
    "render",
    "write_film",
]
