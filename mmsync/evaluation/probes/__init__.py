from .alignment import (
    ActionRecognition,
    ActivitySeparability,
    FrameRetrieval,
    KendallTau,
    PhaseClassification,
    PhaseProgress,
    PositionProbe,
)
from .attentive import AttentionProbe
from .base import Probe, ProbeResult, bank_and_query, checked
from .direction import DirectionAccuracy
from .few_shot import FewShotPhases
from .label_free import LabelFree
from .logistic import LogisticProbe
from .offset import OffsetEstimation
from .pairs import PairVerification
from .pointing import Pointing
from .separation import SeparationQuality
from .sequences import AlignmentProbe, Videos
from .svm import SVMProbe
from .trained import LinearClassifier, LinearProbe, MLPClassifier, MLPProbe
from .untrained import KNN, Collapse, OneShot, Retrieval

__all__ = [
    "KNN",
    "ActionRecognition",
    "ActivitySeparability",
    "AlignmentProbe",
    "AttentionProbe",
    "Collapse",
    "DirectionAccuracy",
    "FewShotPhases",
    "FrameRetrieval",
    "KendallTau",
    "LabelFree",
    "LinearClassifier",
    "LinearProbe",
    "LogisticProbe",
    "MLPClassifier",
    "MLPProbe",
    "OffsetEstimation",
    "OneShot",
    "PairVerification",
    "PhaseClassification",
    "PhaseProgress",
    "Pointing",
    "PositionProbe",
    "Probe",
    "ProbeResult",
    "Retrieval",
    "SVMProbe",
    "SeparationQuality",
    "Videos",
    "bank_and_query",
    "checked",
]  # fmt: skip
