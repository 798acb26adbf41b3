# The built-in world for studies of viewpoint: the spine is the origin, as the augmentation ViewDistance has it.
view_pipeline = [
    dict(type="CenterOnJoint", joint="spine", frame="first", person="first"),
    dict(type="ResizeClip", length=64),
    dict(type="PackSkeleton", num_persons=2),
]
