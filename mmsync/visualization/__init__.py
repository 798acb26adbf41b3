from .alignment import draw_alignment, render_alignment
from .figures import confused_pairs, draw_confusion, draw_curves, draw_embedding, embed_2d, read_history
from .pictures import Strip, draw_pictures, render_pictures
from .sequences import SequenceClip, read_clip
from .skeleton import Panel, bone_segments, camera, draw_strip, find_camera, render, write_film

__all__ = [
    "Panel", "Strip", "bone_segments", "camera", "confused_pairs", "draw_confusion", "draw_curves", "draw_embedding",
    "draw_pictures", "draw_strip", "embed_2d", "find_camera", "read_history", "render", "render_pictures", "write_film",
]  # fmt: skip
