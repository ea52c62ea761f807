#!/bin/bash
# A study as a job array, without dask: sbatch slurm_array.sh STUDY.toml FOLDER
# Job i of n carries out the points i, i + n, i + 2n, ... Submit it again to go on: finished points are skipped.
#SBATCH --job-name=study
#SBATCH --array=1-8
#SBATCH --cpus-per-task=4
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK
exec python -m kmc study "$1" --out "$2" --workers 1 --only "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
