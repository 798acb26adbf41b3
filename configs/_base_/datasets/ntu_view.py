# NTU RGB+D for studies of viewpoint: the main person's spine in the first frame is the origin of the clip, nothing is
# turned. AimCLR's preparation (ntu_aimclr50.py) does not serve: it centres every frame and turns it parallel to x, so
# that distance and path are gone, and the direction half of it.
view_pipeline = [
    dict(type="CTRGCNPreset"),
    dict(type="ResizeClip", length=64),
    dict(type="PackSkeleton", num_persons=2),
]
