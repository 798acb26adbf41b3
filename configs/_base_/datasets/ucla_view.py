# NW-UCLA for studies of viewpoint: as ucla_xview.py, but not turned to a common yaw, which is what they ask about, and
# with the spine as the origin, as the augmentation ViewDistance has it.
view_pipeline = [
    dict(type="CenterOnJoint", joint="spine", frame="first"),
    dict(type="ResizeClip", length=64),
    dict(type="PackSkeleton", num_persons=1),
]
