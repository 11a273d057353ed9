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
import sys

import shards
from hyperqueue import Client, Job
from hyperqueue.cluster import LocalCluster, WorkerConfig


def submit(client: Client, args: argparse.Namespace) -> None:
    # A shard that fails leaves the others alone; submitting it again goes on from the cells that are there.
    job = Job(default_workdir=os.getcwd(), max_fails=None, name="rmsim-sweep")
    # Beside the folder: a folder that holds something else is not taken for a sweep.
    logs = args.out.rstrip("/") + "-logs"
    os.makedirs(logs, exist_ok=True)
    for shard, command in enumerate(shards.commands(args), start=1):
        log = os.path.abspath(os.path.join(logs, f"{shard}-of-{args.shards}.txt"))
        job.program(command, name=f"shard {shard}", stdout=log, stderr=log)
    client.wait_for_jobs([client.submit(job)])


def main() -> int:
    parser = shards.argument_parser("HyperQueue")
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
    return shards.merge(args)


if __name__ == "__main__":
    sys.exit(main())
