from .base import Arrays, Probe, ProbeResult, bank_and_query
from .collapse import Collapse
from .knn import KNN, OneShot, Retrieval
from .linear import LinearClassifier, LinearProbe
from .mlp import MLPClassifier, MLPProbe
from .pairs import PairVerification

__all__ = [
    "KNN",
    "Arrays",
    "Collapse",
    "LinearClassifier",
    "LinearProbe",
    "MLPClassifier",
    "MLPProbe",
    "OneShot",
    "PairVerification",
    "Probe",
    "ProbeResult",
    "Retrieval",
    "bank_and_query",
]
