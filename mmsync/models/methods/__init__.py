from mmsync.models.methods.aimclr import AimCLR
from mmsync.models.methods.arrow_of_time import ArrowOfTime
from mmsync.models.methods.avid import AVID
from mmsync.models.methods.avts import AVTS, TwoStreamSync
from mmsync.models.methods.barlow_twins import BarlowTwins
from mmsync.models.methods.base import SelfSupervisedModel, TwoViewMethod, ViewModel
from mmsync.models.methods.byol import BYOL
from mmsync.models.methods.carl import CARL
from mmsync.models.methods.casa import CASA
from mmsync.models.methods.classifier import Classifier
from mmsync.models.methods.cmd import CMD
from mmsync.models.methods.crossclr import CrosSCLR
from mmsync.models.methods.frame_byol import FrameBYOL
from mmsync.models.methods.frame_simsiam import FrameSimSiam
from mmsync.models.methods.gdt import GDT
from mmsync.models.methods.gtcc import GTCC
from mmsync.models.methods.hiclr import HiCLR
from mmsync.models.methods.l3net import L3Net
from mmsync.models.methods.lav import LAV
from mmsync.models.methods.mamp import MAMP
from mmsync.models.methods.masa import MASA
from mmsync.models.methods.masked import MaskedPrediction
from mmsync.models.methods.moco import MoCo
from mmsync.models.methods.multisensory import Multisensory
from mmsync.models.methods.on_off_screen import OnOffScreen
from mmsync.models.methods.playback_direction import PlaybackDirection
from mmsync.models.methods.pstl import PSTL
from mmsync.models.methods.sequence import SequenceModel
from mmsync.models.methods.simclr import SimCLR
from mmsync.models.methods.simsiam import SimSiam
from mmsync.models.methods.sjepa import SJEPA
from mmsync.models.methods.skelemixclr import SkeleMixCLR
from mmsync.models.methods.skeleton_mae import SkeletonMAE
from mmsync.models.methods.sync3d import Sync3D
from mmsync.models.methods.syncnet import SyncNet
from mmsync.models.methods.tcc import TCC
from mmsync.models.methods.tcn import TCN
from mmsync.models.methods.umurl import UmURL
from mmsync.models.methods.vava import VAVA
from mmsync.models.methods.vicreg import VICReg
from mmsync.models.methods.vsp import VSP

__all__ = [
    "AVID",
    "AVTS",
    "BYOL",
    "CARL",
    "CASA",
    "CMD",
    "GDT",
    "GTCC",
    "LAV",
    "MAMP",
    "MASA",
    "PSTL",
    "SJEPA",
    "TCC",
    "TCN",
    "VAVA",
    "VSP",
    "AimCLR",
    "ArrowOfTime",
    "BarlowTwins",
    "Classifier",
    "CrosSCLR",
    "FrameBYOL",
    "FrameSimSiam",
    "HiCLR",
    "L3Net",
    "MaskedPrediction",
    "MoCo",
    "Multisensory",
    "OnOffScreen",
    "PlaybackDirection",
    "SelfSupervisedModel",
    "SequenceModel",
    "SimCLR",
    "SimSiam",
    "SkeleMixCLR",
    "SkeletonMAE",
    "Sync3D",
    "SyncNet",
    "TwoStreamSync",
    "TwoViewMethod",
    "UmURL",
    "VICReg",
    "ViewModel",
]
