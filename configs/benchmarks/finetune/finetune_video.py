# Finetuning of an encoder of videos with a linear head. The softmax is averaged over the windows of each test video.
_base_ = "../../_base_/schedules/finetune.py"
protocol = dict(title="finetuned on video", metric="accuracy/video_top1", best="accuracy/video_top1_best", seeds=[0])
clip = [
    dict(type="VideoCropResize", scale=(0.5, 1.0)),
    dict(type="VideoFlip"),
    dict(type="ColorJitter", brightness=0.2, contrast=0.2)]
model = dict(
    encoder=dict(pool=dict(_delete_=True, type="VideoPool")), head=dict(dropout=0.5),
    data_preprocessor=dict(views=dict(clip=clip)))
val_evaluator = dict(per_video=True)
