"""TV Human Interaction ("High Five"; Patron-Perez et al., BMVC 2010): its classes and its split."""

from __future__ import annotations

import re

CLASS_NAMES = ["negative", "handShake", "highFive", "hug", "kiss"]  # also of the people's labels, in the same order
_SIZE = {"negative": 100, "handShake": 50, "highFive": 50, "hug": 50, "kiss": 50}
EXPECTED = {"all": 300, "set1": 150, "set2": 150}
NAME = re.compile(rf"({'|'.join(CLASS_NAMES)})_(\d{{4}})$", re.IGNORECASE)
# The readme's set 1; set 2 is the rest.
_SET1 = {
    "handShake": "2 14-16 18-21 24-28 32 40-50",
    "highFive": "1 6-13 23-25 27-35 44 45 47 48",
    "hug": "2-4 11 12 15-18 20 21 27 29-36 42 44 46 49 50",
    "kiss": "1 7-14 16-18 22-24 26 29 31 35 36 38-42",
    "negative": "1-50",
}


def _numbers(text: str) -> set[int]:
    ends = [[int(end) for end in part.split("-")] for part in text.split()]
    return {number for end in ends for number in range(end[0], end[-1] + 1)}


SPLITS: dict[str, list[str]] = {"set1": [], "set2": []}
"""Names of the videos of the official split; set 1 trains, set 2 tests."""
for _name in CLASS_NAMES:
    _train = _numbers(_SET1[_name])
    for _number in range(1, _SIZE[_name] + 1):
        SPLITS["set1" if _number in _train else "set2"].append(f"{_name}_{_number:04d}")
SPLITS["train"], SPLITS["test"] = SPLITS["set1"], SPLITS["set2"]
