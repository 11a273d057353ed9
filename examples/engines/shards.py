"""What is the same for every engine: the options, a command per shard, and the merge at the end."""

import argparse
import subprocess


def argument_parser(engine: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=f"Run a sweep as shards on {engine}, then merge it.")
    parser.add_argument("plan")
    parser.add_argument("--out", required=True, help="folder of the sweep, seen by all workers")
    parser.add_argument("--rmsim", default="rmsim", help="path of rmsim, the same on all workers")
    parser.add_argument("--shards", type=int, default=8, help="a few per worker, so that none waits for the last")
    parser.add_argument("--workers", type=int, default=2, help="local workers, one thread each")
    return parser


def commands(args: argparse.Namespace) -> list[list[str]]:
    # One thread per shard: the engine decides how many of them run at a time.
    sweep = [args.rmsim, "sweep", args.plan, "--out", args.out, "--threads", "1"]
    return [[*sweep, "--shard", f"{shard}/{args.shards}"] for shard in range(1, args.shards + 1)]


def merge(args: argparse.Namespace) -> int:
    return subprocess.run([args.rmsim, "merge", args.out], check=False).returncode
