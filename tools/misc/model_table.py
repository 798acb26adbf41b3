"""Writes the tables of methods, backbones and data sets in README.md and docs/models.md.

They are made from the configs and their metafiles.

python tools/misc/model_table.py            # rewrite the tables
python tools/misc/model_table.py --check    # exit 1 if one is not up to date
"""

from __future__ import annotations

import argparse
import functools
import re
import sys
from pathlib import Path

import yaml

from mmsync.config import load
from mmsync.registry import BACKBONES, MODELS

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = {"skeleton": "skeletons", "video": "video", "audio": "sound", "sequence": "sequences"}


def results() -> dict[str, dict]:
    """Results by config path, from the metafiles that model-index.yml lists."""
    found = {}
    for name in yaml.safe_load((ROOT / "model-index.yml").read_text())["Import"]:
        for model in yaml.safe_load((ROOT / name).read_text())["Models"]:
            found[model["Config"]] = model
    return found


DATA = {
    "synthetic": "built-in world",
    "ucla": "NW-UCLA",
    "ntu60": "NTU 60",
    "ntu120": "NTU 120",
    "pku1": "PKU-MMD I",
    "pku2": "PKU-MMD II",
    "sbu": "SBU",
    "utd": "UTD-MHAD",
    "msr": "MSR-Action3D",
    "jhmdb": "JHMDB",
    "tvhid": "TV Human Interaction",
    "tracks": "videos of your own",
    "store": "clips of your own",
    "lip": "faces of your own",
    "penn": "Penn Action",
    "h2o": "H2O",
    "ikea": "IKEA ASM",
    "pouring": "Pouring",
    "ucf101": "UCF101",
    "hmdb51": "HMDB51",
    "kinetics400": "Kinetics 400",
}
REST = {"mhad", "action3d"}  # of the names of data sets
METHODS = {"default": "The default", "mbaimclr": "MBAimCLR", "simclr_view": "View and distance"}
PUBLISHED = {"reference", "mbaimclr"}


def configs() -> list[Path]:
    """Experiments; the configs of ``benchmarks`` are laid over them and have no model of their own."""
    found = (ROOT / "configs").rglob("*.py")
    return sorted(p for p in found if not {"_base_", "benchmarks"} & set(p.relative_to(ROOT).parts))


@functools.cache
def experiments() -> list[tuple[Path, str, list[str], int]]:
    """``(path, type of the model, types of its backbones, place of the data set's word in its name)`` of configs."""
    found = []
    for path in configs():
        words = path.stem.split("_")  # method, of one or several words, backbone, data set, split
        at = next((i for i, word in enumerate(words) if word in DATA), None)
        if at is None:
            raise SystemExit(f"{path.name} names no data set of {', '.join(DATA)}")
        model = load(str(path)).model
        method = MODELS.get(model.type)
        encoders = (method.encoder_config(model, one)[0] for one in method.encoders)
        found.append((path, model.type, [one.backbone.type for one in encoders if one], at))
    return found


def families() -> str:
    """One row for what is learned from: its methods, with their other names, backbones and data sets."""
    rows: dict[str, tuple[dict[str, None], ...]] = {}
    for path, kind, backbones, at in experiments():
        modalities = {BACKBONES.get(one).modality for one in backbones}
        title = " and ".join(text for modality, text in FAMILIES.items() if modality in modalities)
        method = MODELS.get(kind)
        others = [name for name, one in MODELS.module_dict.items() if one is method and name != kind]
        name = METHODS.get(path.relative_to(ROOT).parts[1], " or ".join([kind, *others]))
        name = "Supervised" if kind == "Classifier" else name
        for column, names in zip(
            rows.setdefault(title, ({}, {}, {})), ([name], backbones, [DATA[path.stem.split("_")[at]]])
        ):
            column.update(dict.fromkeys(names))
    lines = ["| learned from | methods | backbones | data sets of the configs |", "|---|---|---|---|"]
    for title, (methods, backbones, data) in rows.items():
        data = [name for name in DATA.values() if name in data]
        lines.append(
            f"| {title} | {', '.join(sorted(methods, key=str.lower))} | {', '.join(backbones)} | {', '.join(data)} |"
        )
    return "\n".join(lines)


def matrix() -> list[str]:
    """One row a method: its backbones, and by data set a link to each of its configs."""
    rows: dict[str, dict[str, list[str]]] = {}
    backbones: dict[str, dict[str, None]] = {}
    for path, kind, found, at in experiments():
        words, folder = path.stem.split("_"), path.relative_to(ROOT).parts[1]
        name = "Supervised" if kind == "Classifier" else METHODS.get(folder, kind)
        name += " (as published)" if PUBLISHED & set(path.relative_to(ROOT).parts) else ""
        rest = [word for word in words[:at] + words[at + 1 :] if word not in REST]
        label = " ".join(rest).removeprefix(folder.replace("_", " ")).strip()
        link = f"[{label or 'config'}](../{path.relative_to(ROOT).as_posix()})"
        rows.setdefault(name, {}).setdefault(DATA[words[at]], []).append(link)
        backbones.setdefault(name, {}).update(dict.fromkeys(found))
    lines = ["| method | backbones | data sets and configs |", "|---|---|---|"]
    for name, data in rows.items():
        cells = "; ".join(f"{title}: {', '.join(data[title])}" for title in DATA.values() if title in data)
        lines.append(f"| {name} | {', '.join(backbones[name])} | {cells} |")
    return lines


def measured() -> list[str]:
    """Measured results, from the metafiles: a row for each command."""
    lines = ["| config | data | seed | results | precision | time |", "|---|---|---|---|---|---|"]
    for config, model in results().items():
        if not (ROOT / config).is_file():
            raise SystemExit(f"a metafile names a config that does not exist: {config}")
        wrapper = load(str(ROOT / config)).optim_wrapper.get("type", "OptimWrapper")
        precision = {"OptimWrapper": "float32", "AutocastOptimWrapper": "bfloat16"}[wrapper]
        for one in model["Results"]:
            seeds = one["Seed"] if isinstance(one["Seed"], list) else [one["Seed"]]
            shorter = re.findall(r"max_epochs=(\d+)|--minutes ([\d.]+)", one["Command"])
            notes = [f"{epochs} epochs" if epochs else f"{minutes} CPU minutes" for epochs, minutes in shorter]
            notes += [one["Note"]] if "Note" in one else []
            metrics = ", ".join(f"{name} {value:.1f}" for name, value in one["Metrics"].items())
            lines.append(
                f"| [{Path(config).stem}](../{config}) | {one['Dataset']} | {', '.join(map(str, seeds))} | "
                f"{'; '.join([metrics, *notes])} | {precision} | {one.get('Time', '')} |"
            )
    return lines


def table() -> str:
    """Both tables in markdown."""
    probes = [
        "`knn/top1` and `linear/last` are those of the config's probes: k = 20, AimCLR's linear probe. In rows with",
        "`retrieval/top1` they are those of the suite: 5-NN on whitened features, and MAMP's linear probe.",
        "",
    ]
    parts = ["## Methods and their configs", "", *matrix(), "", "## Measured results", "", *probes, *measured()]
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say whether the table is up to date")
    args = parser.parse_args()
    for name, (mark, made) in {"README.md": ("families", families), "docs/models.md": ("models", table)}.items():
        page = ROOT / name
        text = page.read_text()
        begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
        head, rest = text.split(begin)
        fresh = f"{head}{begin}\n{made()}\n{end}{rest.split(end)[1]}"
        if fresh == text:
            print(f"{name}: the table is up to date")
        elif args.check:
            sys.exit(f"{name}: the table is out of date; run python tools/misc/model_table.py")
        else:
            page.write_text(fresh)
            print(f"{name}: table rewritten")


if __name__ == "__main__":
    main()
