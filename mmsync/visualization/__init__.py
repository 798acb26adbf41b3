from .figures import confused_pairs, draw_confusion, draw_curves, draw_embedding, embed_2d, read_history
from .skeleton import Panel, bone_segments, camera, draw_strip, find_camera, render, write_film

__all__ = [
    "Panel", "bone_segments", "camera", "confused_pairs", "draw_confusion", "draw_curves", "draw_embedding",
    "draw_strip", "embed_2d", "find_camera", "read_history", "render", "write_film",
]  # fmt: skip
