#!/usr/bin/env bash
# Runs tools/train.py on several processes: one per GPU, or gloo processes on the CPU if there is no GPU.
# Usage: tools/dist_train.sh CONFIG PROCESSES [arguments of tools/train.py]
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT on each.
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: $0 CONFIG PROCESSES [arguments of tools/train.py]" >&2
    exit 2
fi
CONFIG=$1
PROCESSES=$2
shift 2

# torchrun and MMEngine would set these as well, but with a warning
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" MKL_NUM_THREADS="${MKL_NUM_THREADS:-1}"
TOOLS=$(dirname "$0")
if [ "${NNODES:-1}" -gt 1 ]; then
    RENDEZVOUS=(--nnodes "$NNODES" --node_rank "${NODE_RANK:-0}" --master_addr "${MASTER_ADDR:-127.0.0.1}"
        --master_port "${PORT:-29500}")
else
    RENDEZVOUS=(--standalone)
fi

PYTHONPATH="$TOOLS/..${PYTHONPATH:+:$PYTHONPATH}" "${PYTHON:-python}" "$TOOLS/launch.py" "${RENDEZVOUS[@]}" \
    --nproc_per_node "$PROCESSES" "$TOOLS/train.py" "$CONFIG" --launcher pytorch "$@"
