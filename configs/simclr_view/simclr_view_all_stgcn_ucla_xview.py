# View and distance on NW-UCLA, cross-view, in small: all three angles and the distance. The encoder and schedule of
# the SimCLR recipe, and a temporal crop before the view. Ours: a thousand clips need the crop, AdamW and a small
# batch; their own recipe is that of the NTU configs.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/view_ucla.py", "../_base_/schedules/adamw_ucla.py"]
preparation = "view"
max_epochs = 60
