from mmsync.models.methods.aimclr import AimCLR
from mmsync.models.methods.arrow_of_time import ArrowOfTime
from mmsync.models.methods.avid import AVID
from mmsync.models.methods.avts import AVTS, TwoStreamSync
from mmsync.models.methods.barlow_twins import BarlowTwins
from mmsync.models.methods.base import SelfSupervisedModel, TwoViewMethod, ViewModel
from mmsync.models.methods.byol import BYOL
from mmsync.models.methods.classifier import Classifier
from mmsync.models.methods.gdt import GDT
from mmsync.models.methods.l3net import L3Net
from mmsync.models.methods.moco import MoCo
from mmsync.models.methods.multisensory import Multisensory
from mmsync.models.methods.on_off_screen import OnOffScreen
from mmsync.models.methods.playback_direction import PlaybackDirection
from mmsync.models.methods.simclr import SimCLR
from mmsync.models.methods.simsiam import SimSiam
from mmsync.models.methods.sync3d import Sync3D
from mmsync.models.methods.syncnet import SyncNet
from mmsync.models.methods.vicreg import VICReg

__all__ = [
    "AVID",
    "AVTS",
    "BYOL",
    "GDT",
    "AimCLR",
    "ArrowOfTime",
    "BarlowTwins",
    "Classifier",
    "L3Net",
    "MoCo",
    "Multisensory",
    "OnOffScreen",
    "PlaybackDirection",
    "SelfSupervisedModel",
    "SimCLR",
    "SimSiam",
    "Sync3D",
    "SyncNet",
    "TwoStreamSync",
    "TwoViewMethod",
    "VICReg",
    "ViewModel",
]
