from mmsync.engine import hooks, loops, optimizers, runner, schedulers

__all__ = ["hooks", "loops", "optimizers", "runner", "schedulers"]
