"""Components and calls of third parties that break a contract, in Python and by the tools."""

from tests.mistakes import Mistake

_AUGMENT = """
import torch
from mmsync.structures import View
from mmsync.views import AugmentationSequence, BatchAugmentation, Shear, SkeletonAugmentation
view = View(torch.ones(2, 1, 8, 25, 3), torch.ones(2, 1, dtype=torch.bool), None, torch.arange(8.0).expand(2, -1))
class Own(SkeletonAugmentation):
    {body}
AugmentationSequence([Shear(), Own(), Shear()])(view)
"""
_MODEL = """
import torch
from torch import nn
from mmsync.models import AimCLR, Classifier, ContrastiveLoss, Encoder, LinearHead, MoCo, PlainEncoder, SimCLR
x = torch.randn(4, 1, 8, 25, 3)
net = nn.Sequential(nn.Flatten(), nn.Linear(600, 8))
{body}
"""
_SOURCE = """
import numpy as np
from mmsync.datasets import PackSkeleton, SkeletonDataset, SkeletonSource
from mmsync.structures import SkeletonLayout
class Own(SkeletonSource):
    num_coords = 3
    def __init__(self):
        self.layout = SkeletonLayout.get('ntu25')
        self.names, self.labels, self.class_names = ['a', 'b'], np.array([0, 1]), ['x', 'y']
        self.splits, self.attributes = {{'train': ['a', 'b']}}, {{}}
        {body}
    def load(self, index):
        return np.ones((1, 4, 25, 3), np.float32)
SkeletonDataset(Own(), [PackSkeleton()], split='train')
"""
_CHECK = """
import torch
from torch import nn
from mmengine.hooks import Hook
from mmsync import testing
from mmsync.evaluation import Probe, ProbeResult
from mmsync.models import SelfSupervisedModel, SkeletonBackbone, build_encoder
from mmsync.views import SkeletonAugmentation
{body}
"""
_HOOK = """
from mmengine.hooks import Hook
from mmsync.evaluation import Probe, TableMetric
from mmsync.registry import HOOKS, METRICS, PROBES, TRANSFORMS
from mmsync.views import SkeletonAugmentation
@HOOKS.register_module()
class SlipHook(Hook):
    def after_train_itr(self, runner, batch_idx, data_batch=None, outputs=None):
        print('never called')
@HOOKS.register_module()
class ShortHook(Hook):
    def after_train_iter(self, runner):
        pass
@PROBES.register_module()
class DictProbe(Probe):
    '''Features ``(N, D)``.'''
    name, headline = 'dict', 'top1'
    def run(self, bank, query, device='cpu'):
        return dict(top1=1.0)
@TRANSFORMS.register_module()
class DropsIndex(SkeletonAugmentation):
    def apply(self, view, draws):
        return type(view)(view.data)
@TRANSFORMS.register_module()
class InPlace(SkeletonAugmentation):
    def apply(self, view, draws):
        view.data.mul_(2)
        return view
"""
_OWN_CONFIG = """
_base_ = ['{config}']
custom_imports = dict(imports=['own_parts'])
"""


def _augment(name: str, says: str, *body: str) -> Mistake:
    return Mistake(f"augmentation_{name}", says=says, code=_AUGMENT.replace("{body}", "\n    ".join(body)))


def _model(name: str, says: str, *body: str) -> Mistake:
    return Mistake(f"part_{name}", says=says, code=_MODEL.replace("{body}", "\n".join(body)))


def _source(name: str, says: str, body: str) -> Mistake:
    code = _SOURCE.replace("{body}", body).replace("{{", "{").replace("}}", "}")
    return Mistake(f"source_{name}", says=says, code=code)


def _check(name: str, says: str, *body: str) -> Mistake:
    return Mistake(f"check_{name}", says=says, code=_CHECK.replace("{body}", "\n".join(body)))


def _train(name: str, says: str, setting: str) -> Mistake:
    files = {"own_parts.py": _HOOK, "own.py": _OWN_CONFIG + setting + "\n"}
    return Mistake(f"own_{name}", ["tools/train.py", "own.py", "--work-dir", "run"], says=says, files=files)


_APPLY = "def apply(self, view, draws):"
CASES = [
    _augment("without_apply", "Own has no `apply", "pass"),
    _augment("in_place", "Own.apply changes the data of the view", _APPLY, "    view.data.mul_(2)", "    return view"),
    _augment("drops_present", "drops view.present", _APPLY, "    return type(view)(view.data * 2)"),
    _augment("tensor", "returns Tensor; give a View", _APPLY, "    return view.data"),
    _augment("shape_unannounced", "out_like says", _APPLY, "    return view._replace(data=view.data[:, :, :4])"),
    _augment(
        "index_left", r"index \(2, 8\) for data \(2, 1, 4",
        "def frames_out(self, frames): return 4", _APPLY, "    return view._replace(data=view.data[:, :, :4])",
    ),
    _augment("float64", "float64.*keep both", _APPLY, "    return view._replace(data=view.data.double())"),
    _augment("draw_of_a_list", "draw returns list", "def draw(self, x, generator): return [1]"),
    _augment("foreign_map", "is no function from view to view", "def maps(self, x, draws): return ['shear']"),
    Mistake(
        "augmentation_unbound", says=r"call bind\('ntu25'\)",
        code="import torch\nfrom mmsync.views import Mirror\nMirror()(torch.ones(2, 1, 8, 25, 3))",
    ),
    _model("by_name", r"dict\(type=...\), or as a built module; got 'STGCN'", "SimCLR(encoder='STGCN')"),
    _model("class_not_instance", "or as a built module", "SimCLR(encoder=nn.Linear)"),
    _model("plain_backbone", "Sequential is no backbone", "Encoder(net)"),
    _model("no_embedding", r"Flatten returns \(4, 600\).*\(4, 8\)",
           "SimCLR(encoder=PlainEncoder(nn.Flatten(), out_channels=8))(x, mode='loss')"),
    _model("unknown_width", "give out_channels, the width D", "MoCo(encoder=nn.Flatten())"),
    _model("map_needed", "Sequential gives no feature map", "AimCLR(encoder=net)(x, mode='loss')"),
    _model("head_needs_backbone", "Sequential gives no feature map", "Classifier(encoder=net, head=LinearHead(3, 8))"),
    _model("pair_loss_of_embeddings", r"loss\(loss.distance\(z1, z2\), positive\)",
           "ContrastiveLoss()(torch.ones(4, 8), torch.ones(4, 8))"),
    _source("without_splits", "Own sets no `splits`", "del self.splits"),
    _source("labels_as_list", r"labels are list \(2,\)", "self.labels = [0, 1]"),
    _source("too_few_labels", r"give an array \(2,\) int64", "self.labels = np.array([0])"),
    _source("short_attribute", "attribute 'subject' is ndarray", "self.attributes = {'subject': np.array([1])}"),
    _source("without_load", r"Own has no `load\(index\)`", "self.load = super().load; self.load(0)"),
    _check("no_modality", "Net: has no `modality`|Net has no modality",
           "class Net(SkeletonBackbone):", "    modality = ''", "testing.check_backbone(lambda: Net('ntu25', 3, 8))"),
    _check("transposed_map", "in another order",
           "class Net(SkeletonBackbone):",
           "    def forward_rows(self, x): return x.flatten(2)[..., None][:, :, :16]",
           "testing.check_backbone(lambda: Net('ntu25', 3, 16))"),
    _check("random_augmentation", "draws from torch's global generator",
           "class Own(SkeletonAugmentation):",
           "    def draw(self, x, generator): return {'a': torch.rand(len(x))}",
           "    def apply(self, view, draws): return view",
           "testing.check_augmentation(Own)"),
    _check("loss_without_gradient", "gives no gradient to any input",
           "class Own(nn.Module):", "    def forward(self, a, b): return (a * b).mean().detach()",
           "testing.check_loss(Own())"),
    _check("loss_not_named", "needs `loss` in its name",
           "class Own(SelfSupervisedModel):",
           "    views_needed = ('clip',)",
           "    def __init__(self):",
           "        super().__init__()",
           "        backbone = dict(type='STGCN', channels=[4], strides=[1])",
           "        self.encoder = build_encoder(dict(type='Encoder', backbone=backbone))",
           "    def loss(self, views, data_samples=None):",
           "        return {'error': self.encoder(views['clip']).mean()}",
           "testing.check_method(Own)"),
    _check("hook_slip", "no method 'after_train_itr'; did you mean 'after_train_iter'",
           "class Own(Hook):", "    def after_train_itr(self, runner): pass", "testing.check_hook(Own)"),
    _check("probe_headline", "headline 'top1' is not among its results",
           "class Own(Probe):", "    name, headline = 'own', 'top1'",
           "    def run(self, bank, query, device='cpu'): return ProbeResult({'mean': 1.0})",
           "testing.check_probe(Own)"),
    _train("hook_slip", "SlipHook: the runner calls no method 'after_train_itr'",
           "custom_hooks = [dict(type='SlipHook')]"),
    _train("hook_arguments", r"ShortHook: after_train_iter\(runner\) cannot be called with",
           "custom_hooks = [dict(type='ShortHook')]"),
    _train("probe_of_a_dict", "DictProbe.run returns dict; give a ProbeResult",
           "val_evaluator = dict(probes=dict(dict=dict(type='DictProbe')))"),
    _train("augmentation_drops_index", "DropsIndex.apply drops view",
           "model = dict(data_preprocessor=dict(views=dict(query=[dict(type='DropsIndex')])))"),
    _train("augmentation_in_place", "InPlace.apply changes the data of the view",
           "model = dict(data_preprocessor=dict(views=dict(query=[dict(type='InPlace')])))"),
    Mistake("dict_in_an_option",
            ["tools/train.py", "{config}", "--cfg-options", "custom_hooks=[dict(type='SlipHook')]"],
            says="give a list of dicts in a config file"),
]  # fmt: skip
