from .base import Arrays, Probe, ProbeResult, bank_and_query
from .linear import LinearClassifier, LinearProbe
from .mlp import MLPClassifier, MLPProbe
from .pairs import PairVerification
from .untrained import KNN, Collapse, OneShot, Retrieval

__all__ = [
    "KNN", "Arrays", "Collapse", "LinearClassifier", "LinearProbe", "MLPClassifier", "MLPProbe", "OneShot",
    "PairVerification", "Probe", "ProbeResult", "Retrieval", "bank_and_query",
]  # fmt: skip
