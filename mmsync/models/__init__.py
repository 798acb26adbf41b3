from mmsync.models import backbones, heads, losses, methods, modules, necks

__all__ = ["backbones", "heads", "losses", "methods", "modules", "necks"]
