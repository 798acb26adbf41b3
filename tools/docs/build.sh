#!/usr/bin/env bash
# Build the documentation site into build/site, warnings as errors: python -m pip install -e ".[docs]" first.
set -euo pipefail
cd "$(dirname "$0")/../.."
# The tutorials run side by side, one thread each. Silences notes of other packages: of torch about its own code, of Material about another documentation tool.
OMP_NUM_THREADS=1 PYTHONWARNINGS=ignore NO_MKDOCS_2_WARNING=1 python -m mkdocs build --strict --quiet "$@"
