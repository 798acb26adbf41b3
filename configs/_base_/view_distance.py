# The settings of Gao, Yang and Du's study: what another camera sees, v' = R (v - d). Angles are drawn from a set of six
# for each axis and clip. Ours, since the study leaves it open: an angle that is left out is 0; the distance is a whole
# number of metres from 0 to 5 along the camera's axis z, and is drawn in the settings of two angles as well.
view_all = dict(
    type="ViewDistance",
    angles=[0, 60, 120, 180, 240, 300],
    distance=[0, 1, 2, 3, 4, 5],
    unit=1.0,
    distance_axis="z",
    origin_joint="spine",
)
views = dict(
    all=view_all,
    ab=dict(view_all, gamma=0),
    ag=dict(view_all, beta=0),
    bg=dict(view_all, alpha=0),
    dist=dict(view_all, angles=0),
)
