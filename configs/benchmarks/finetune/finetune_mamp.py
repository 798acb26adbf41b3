# MAMP's finetuning (Mao et al., 2023), for transformers: drop path, and the action head behind dropout. Its rate of
# 3e-4 is for a batch of 48. Its cosine ends at 1e-5 and begins after the warm-up; here it ends at 0 and begins with it.
_base_ = "../../_base_/schedules/finetune.py"
protocol = dict(title="finetuned, MAMP's recipe", metric="accuracy/top1", best="accuracy/top1_best", seeds=[0])
model = dict(
    encoder=dict(backbone=dict(drop_path_rate=0.3)),
    head=dict(_delete_=True, type="ActionHead", hidden_channels=2048, dropout=0.3),
)
optim_wrapper = dict(optimizer=dict(lr=3e-4))
