"""Writes the README's table of methods, backbones and data sets from the configs and their metafiles.

python tools/misc/model_table.py            # rewrite the table in README.md
python tools/misc/model_table.py --check    # exit 1 if it is not up to date
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from mmsync.config import load

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- models: begin -->", "<!-- models: end -->"


def results() -> dict[str, dict]:
    """Results by config path, from the metafiles that model-index.yml lists."""
    found = {}
    for name in yaml.safe_load((ROOT / "model-index.yml").read_text())["Import"]:
        for model in yaml.safe_load((ROOT / name).read_text())["Models"]:
            found[model["Config"]] = model
    return found


DATA = {
    "synthetic": "built-in",
    "ucla": "NW-UCLA",
    "ntu60": "NTU 60",
    "ntu120": "NTU 120",
    "pku1": "PKU I",
    "pku2": "PKU II",
    "sbu": "SBU",
    "tvhid": "TV-HID",
    "ucf101": "UCF101",
    "hmdb51": "HMDB51",
    "kinetics400": "Kinetics 400",
}
STREAMS = ("joint", "bone", "motion")


def configs() -> list[Path]:
    """Pretraining configs; those of ``benchmarks`` are laid over them and have no model of their own."""
    return sorted(p for p in (ROOT / "configs").rglob("*.py") if not {"_base_", "benchmarks"} & set(p.parts))


def matrix() -> list[str]:
    """Methods x backbones in rows, data sets in columns, a link to the config of each protocol in a cell."""
    rows: dict[str, dict[str, list[str]]] = {}
    for path in configs():
        words = path.stem.split("_")  # method_backbone_data_protocol_stream, of which the first may have several words
        if not DATA.keys() & set(words):  # one's own data
            continue
        data, *rest = words[next(i for i, word in enumerate(words) if word in DATA) :]
        study = path.parent.name == "simclr_view" and words[2:5] != ["all", "stgcn", data]
        variant = (data == "tvhid" and rest) or words[0] == "linear"
        if study or variant or (rest and rest[-1] in STREAMS):
            continue
        model = load(str(path)).model
        published = " (as published)" if {"reference", "mbaimclr"} & set(path.parts) else ""
        name = {"mbaimclr": "MBAimCLR", "simclr_view": "View and distance"}.get(path.parent.name, model.type)
        name = "supervised" if words[0] == "supervised" else name
        cells = rows.setdefault(f"{name}{published} | {model.encoder.backbone.type}", {})
        cells.setdefault(data, []).append(f"[{' '.join(rest) or 'config'}]({path.relative_to(ROOT).as_posix()})")
    lines = [f"| method | backbone | {' | '.join(DATA.values())} |", "|---" * (len(DATA) + 2) + "|"]
    lines += [
        f"| {row} | {' | '.join(', '.join(cells.get(data, [])) for data in DATA)} |" for row, cells in rows.items()
    ]
    return lines


def measured() -> list[str]:
    """What was measured, from the metafiles."""
    lines = ["| config | KNN (k=1 / 10 / 20) | linear | time |", "|---|---|---|---|"]
    for config, model in results().items():
        if not (ROOT / config).is_file():
            raise SystemExit(f"a metafile names a config that does not exist: {config}")
        result = model["Results"]
        lines.append(
            f"| [{Path(config).stem}]({config}) | {result.get('KNN', '')} | {result.get('Linear', '')} | "
            f"{result.get('Time', '')} |"
        )
    return lines


def table() -> str:
    """Both tables in markdown."""
    return "\n".join([*matrix(), "", *measured()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say whether the table is up to date")
    args = parser.parse_args()
    readme = ROOT / "README.md"
    text = readme.read_text()
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    fresh = f"{head}{BEGIN}\n{table()}\n{END}{tail}"
    if fresh == text:
        print("README.md: the table is up to date")
    elif args.check:
        sys.exit("README.md: the table is out of date; run python tools/misc/model_table.py")
    else:
        readme.write_text(fresh)
        print("README.md: table rewritten")


if __name__ == "__main__":
    main()
