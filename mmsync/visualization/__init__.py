from .embedding import draw_embedding, embed_2d

__all__ = ["draw_embedding", "embed_2d"]
