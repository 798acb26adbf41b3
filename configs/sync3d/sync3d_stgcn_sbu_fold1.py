# Sync3D on two skeletons of SBU with the ST-GCN; fold 1 is the test.
_base_ = ["../_base_/datasets/sbu.py", "../_base_/models/sync3d_sbu.py", "../_base_/schedules/adamw_sync3d.py"]
fold = 1
