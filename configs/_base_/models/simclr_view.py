# SimCLR on the slim ST-GCN with views that differ in direction and distance alone, as the study proposes. Views are not
# recentred afterwards: that would take the distance out again.
_base_ = ["./simclr.py", "./stgcn.py", "../view_distance.py"]

model = dict(
    encoder=dict(backbone={{_base_.stgcn}}),
    data_preprocessor=dict(views=dict(first=[{{_base_.views.all}}], second=[{{_base_.views.all}}])),
)
