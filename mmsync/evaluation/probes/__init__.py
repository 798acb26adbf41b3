from .base import Probe, ProbeResult, bank_and_query, checked
from .offset import OffsetEstimation
from .pairs import PairVerification
from .svm import SVMProbe
from .trained import LinearClassifier, LinearProbe, MLPClassifier, MLPProbe
from .untrained import KNN, Collapse, OneShot, Retrieval

__all__ = [
    "KNN", "Collapse", "LinearClassifier", "LinearProbe", "MLPClassifier", "MLPProbe", "OffsetEstimation", "OneShot",
    "PairVerification", "Probe", "ProbeResult", "Retrieval", "SVMProbe", "bank_and_query", "checked",
]  # fmt: skip
