from . import backbones, heads, losses, methods, modules, necks, preprocessors
