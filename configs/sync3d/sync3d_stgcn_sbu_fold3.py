# Sync3D on two skeletons of SBU with the ST-GCN; fold 3 is the test.
_base_ = [
    "../_base_/datasets/sbu_fold3.py",
    "../_base_/models/sync3d_stgcn_sbu.py",
    "../_base_/schedules/adamw_sync3d_sbu.py",
    "../_base_/pair_probes_skeleton.py",
]
