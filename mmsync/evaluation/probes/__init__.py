from .base import Probe, ProbeResult, bank_and_query, checked
from .direction import DirectionAccuracy
from .offset import OffsetEstimation
from .pairs import PairVerification
from .pointing import Pointing
from .separation import SeparationQuality
from .svm import SVMProbe
from .trained import LinearClassifier, LinearProbe, MLPClassifier, MLPProbe
from .untrained import KNN, Collapse, OneShot, Retrieval

__all__ = [
    "KNN", "Collapse", "DirectionAccuracy", "LinearClassifier", "LinearProbe", "MLPClassifier", "MLPProbe",
    "OffsetEstimation", "OneShot", "PairVerification", "Pointing", "Probe", "ProbeResult", "Retrieval", "SVMProbe",
    "SeparationQuality", "bank_and_query", "checked",
]  # fmt: skip
