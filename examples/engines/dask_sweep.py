#!/usr/bin/env python3
"""Runs a sweep as shards on Dask, then merges it.

    pip install 'dask[distributed]'
    examples/engines/dask_sweep.py scenarios/sweeps/buffers.yaml --out results/sweeps/buffers

Without --scheduler, two workers are started on this machine for the time of the sweep. With it, the shards go to the
workers of a cluster that runs already; they must see the plan and --out under the same path.
"""

import argparse
import os
import subprocess
import sys

import shards
from dask.distributed import Client, LocalCluster, as_completed


def run_shard(command: list[str], folder: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} exited with {done.returncode}\n{done.stderr}")
    return done.stderr.strip().splitlines()[-1]


def submit(client: Client, args: argparse.Namespace) -> None:
    # Not pure: the result is in the folder, not in the return value. A retried shard goes on from its cells.
    futures = client.map(run_shard, shards.commands(args), folder=os.getcwd(), pure=False, retries=2)
    for _, message in as_completed(futures, with_results=True):
        print(message, file=sys.stderr)


def main() -> int:
    parser = shards.argument_parser("Dask")
    parser.add_argument("--scheduler", help="address of a scheduler that runs already, as in tcp://host:8786")
    args = parser.parse_args()
    if args.scheduler:
        with Client(args.scheduler) as client:
            submit(client, args)
    else:
        with LocalCluster(n_workers=args.workers, threads_per_worker=1, dashboard_address=None) as cluster:
            with Client(cluster) as client:
                submit(client, args)
    return shards.merge(args)


if __name__ == "__main__":
    sys.exit(main())
