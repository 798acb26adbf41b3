from mmsync.engine.hooks.alignment import AlignmentVisHook
