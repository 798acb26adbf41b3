from .nt_xent import NTXentLoss
from .pair import ContrastiveLoss

__all__ = ["ContrastiveLoss", "NTXentLoss"]
