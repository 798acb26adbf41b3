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


def table() -> str:
    """The table in markdown: one row a config that is no base."""
    known = results()
    rows = [
        "| method | backbone | data set | config | KNN (k=1 / 10 / 20) | linear | time |",
        "|---|---|---|---|---|---|---|",
    ]
    paths = sorted(p for p in (ROOT / "configs").rglob("*.py") if "_base_" not in p.parts)
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        cfg = load(str(path))
        source = cfg.train_dataloader.dataset.source.type.replace("Source", "")
        result = known.pop(name, {}).get("Results", {})
        rows.append(
            f"| {cfg.model.type} | {cfg.model.encoder.backbone.type} | {source} | [{path.stem}]({name}) "
            f"{'(published recipe) ' if 'reference' in path.parts else ''}| {result.get('KNN', '')} | "
            f"{result.get('Linear', '')} | {result.get('Time', '')} |"
        )
    if known:
        raise SystemExit(f"the metafiles name configs that do not exist: {', '.join(known)}")
    return "\n".join(rows)


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
