#!/usr/bin/env bash
# Runs tools/train.py on several processes: one per GPU, or gloo processes on the CPU if there is no GPU.
# Usage: tools/dist_train.sh CONFIG PROCESSES [arguments of tools/train.py]
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT on each.
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: $0 CONFIG PROCESSES [arguments of tools/train.py]" >&2
    exit 2
fi
TOOLS=$(dirname "$0")
PYTHONPATH="$TOOLS/..${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python}" "$TOOLS/launch.py" "$2" train "${@:1:1}" "${@:3}"
