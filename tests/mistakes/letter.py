"""Mistakes in the variables that turn a published recipe into ours, and back."""

from __future__ import annotations

from tests.mistakes import Mistake

CHECK = ["tools/misc/check_config.py", "configs/sync3d/sync3d_i3d_tvhid.py", "--no-files", "--cfg-options"]

CASES: list[Mistake] = [
    Mistake("sync3d_probe_misspelt", [*CHECK, "probe=reports"], says=r"did you mean 'report'"),
    Mistake("sync3d_curriculum_shortened", [*CHECK, "curriculum=two"], says=r"one of 'two_stage', 'three_stage'"),
    Mistake("sync3d_placement_unknown", [*CHECK, "placement=left"], says=r"must be 'center' or 'any'"),
    Mistake(
        "i3d_test_window_misspelt",
        ["tools/misc/check_config.py", "configs/video/supervised_i3d_kinetics400.py", "--no-files",
         "--cfg-options", "test_dataloader.dataset.windows=250"],
        says=r"did you mean 'window'",
    ),
    Mistake(
        "aimclr_extreme_set_unknown",
        ["tools/misc/check_config.py", "configs/aimclr/reference/aimclr_stgcn_ntu60_xsub.py", "--no-files",
         "--cfg-options", "extreme_set=papers"],
        says=r"extreme_set: is 'papers', must be 'released' or 'paper'",
    ),
    Mistake(
        "view_level_unknown",
        ["tools/misc/check_config.py", "configs/simclr_view/simclr_view_all_stgcn_ucla_xview.py", "--no-files",
         "--cfg-options", "level=frames"],
        says=r"level: is 'frames', must be 'sequence' or 'frame'",
    ),
]  # fmt: skip
