# Sync3D as published (Sannigrahi, 2020), row "Hard" with a curriculum of two stages, middle windows and its
# probe; load_from=FILE begins with I3D's weights, as the report does. The files of _base_ name what is ours.
# curriculum=three_stage, placement=any and probe=standardized are ours.
# pool.time=gru pool.hidden_channels=512: a recurrent layer over the steps of I3D's map in place of their mean.
# model.share_weights=False: each track has an encoder of its own. model.data_preprocessor.difference=True: RGB
# difference (TSN, Wang et al., 2016), each frame less the one before it; published weights of I3D want colors.
_base_ = ["../_base_/datasets/tvhid.py", "../_base_/models/sync3d_video.py", "../_base_/schedules/sgd_sync3d.py"]
