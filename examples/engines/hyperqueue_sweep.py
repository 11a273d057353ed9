#!/usr/bin/env python3
"""Runs a sweep as shards on HyperQueue, then merges it.

    pip install hyperqueue
    examples/engines/hyperqueue_sweep.py scenarios/sweeps/buffers.yaml --out results/sweeps/buffers

Without --server-dir, a server and two workers are started on this machine for the time of the sweep. With it, the
shards go to the workers of a server that runs already; they must see the plan and --out under the same path.
"""

import argparse
import logging
import os
import subprocess
import sys

from hyperqueue import Client, Job
from hyperqueue.cluster import LocalCluster, WorkerConfig


def shard_command(args: argparse.Namespace, shard: int) -> list[str]:
    # One thread per shard: the engine decides how many of them run at a time.
    return [args.rmsim, "sweep", args.plan, "--out", args.out, "--shard", f"{shard}/{args.shards}", "--threads", "1"]


def submit(client: Client, args: argparse.Namespace) -> None:
    # A shard that fails leaves the others alone; submitting it again goes on from the cells that are there.
    job = Job(default_workdir=os.getcwd(), max_fails=None, name="rmsim-sweep")
    # Beside the folder: a folder that holds something else is not taken for a sweep.
    logs = args.out.rstrip("/") + "-logs"
    os.makedirs(logs, exist_ok=True)
    for shard in range(1, args.shards + 1):
        log = os.path.abspath(os.path.join(logs, f"{shard}-of-{args.shards}.txt"))
        job.program(shard_command(args, shard), name=f"shard {shard}", stdout=log, stderr=log)
    client.wait_for_jobs([client.submit(job)])


def main() -> int:
    parser = argparse.ArgumentParser(description="Run a sweep as shards on HyperQueue, then merge it.")
    parser.add_argument("plan")
    parser.add_argument("--out", required=True, help="folder of the sweep, seen by all workers")
    parser.add_argument("--rmsim", default="rmsim", help="path of rmsim, the same on all workers")
    parser.add_argument("--shards", type=int, default=8, help="a few per worker, so that none waits for the last")
    parser.add_argument("--workers", type=int, default=2, help="local workers, one core each")
    parser.add_argument("--server-dir", help="directory of a HyperQueue server that runs already")
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    if args.server_dir:
        submit(Client(args.server_dir), args)
    else:
        with LocalCluster() as cluster:
            for _ in range(args.workers):
                cluster.start_worker(WorkerConfig(cores=1))
            submit(cluster.client(), args)
    return subprocess.run([args.rmsim, "merge", args.out], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
