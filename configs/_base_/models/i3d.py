# I3D (Carreira and Zisserman, 2017) as published. tools/model_converters/i3d_to_mmsync.py makes its weights, ImageNet and
# Kinetics-400, a file for load_from.
i3d = dict(type="I3D")
