# ReLIC on the built-in world: encoder, views and schedule of the SimCLR recipe.
_base_ = "../../../configs/simclr/simclr_stgcn_synthetic.py"
custom_imports = dict(imports=["projects.relic.relic"])

model = dict(type="ReLIC", temperature=0.1, invariance_weight=1.0, momentum=0.99)
