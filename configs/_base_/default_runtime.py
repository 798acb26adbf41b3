# What every run shares. A config that inherits this sets model, data, schedule and evaluation.

default_scope = "mmsync"
runner_type = "MotionRunner"

default_hooks = dict(
    runtime_info=dict(type="RuntimeInfoHook"),
    timer=dict(type="IterTimerHook"),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    logger=dict(type="LoggerHook", interval=20),  # lines of the log file; the console has the progress bar
    param_scheduler=dict(type="ParamSchedulerHook"),
    # where validation runs KNN, add save_best="knn/top1"
    checkpoint=dict(type="CheckpointHook", interval=10, max_keep_ckpts=3),
    progress=dict(type="ProgressBarHook"),
    collapse=dict(type="CollapseMonitorHook"),  # a contrastive loss does not show a collapse
    summary=dict(type="RunSummaryHook"),
)

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),  # gloo is taken where there is no CUDA
)

log_processor = dict(type="LogProcessor", window_size=20, by_epoch=True)
log_level = "INFO"

# the same seed gives the same run, for any number of data loading workers
randomness = dict(seed=0)

load_from = None
resume = False
