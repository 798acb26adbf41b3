from . import backbones, heads, losses, methods, modules, necks, preprocessors

__all__ = ["backbones", "heads", "losses", "methods", "modules", "necks", "preprocessors"]
