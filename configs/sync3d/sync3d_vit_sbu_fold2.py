# Sync3D on two skeletons of SBU with a transformer; fold 2 is the test.
_base_ = [
    "../_base_/datasets/sbu_fold2.py",
    "../_base_/models/sync3d_vit_sbu.py",
    "../_base_/schedules/adamw_sync3d_sbu.py",
    "../_base_/pair_probes_skeleton.py",
]
