#!/usr/bin/env bash
# A sweep as a Slurm job array, and its merge afterwards:
#
#   shards=$(sbatch --parsable --array=1-32 examples/engines/slurm_array.sh scenarios/sweeps/buffers.yaml sweep-out)
#   sbatch --dependency=afterok:$shards --wrap='rmsim merge sweep-out'
#
# A task that is killed or runs out of time is submitted again as it is: it goes on from the cells that are there.
#SBATCH --job-name=rmsim-sweep
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=01:00:00
#SBATCH --requeue
#SBATCH --output=%x-%A_%a.txt
set -euo pipefail
plan=${1:?usage: slurm_array.sh PLAN OUT}
out=${2:?usage: slurm_array.sh PLAN OUT}
# Tasks are counted from SLURM_ARRAY_TASK_MIN on, which need not be 1 when some of them are submitted again: give the
# number of shards yourself then, as in SHARDS=32 sbatch --array=7,9 ...
exec rmsim sweep "$plan" --out "$out" --shard "$SLURM_ARRAY_TASK_ID/${SHARDS:-$SLURM_ARRAY_TASK_COUNT}" \
  --threads "${SLURM_CPUS_PER_TASK:-1}"
