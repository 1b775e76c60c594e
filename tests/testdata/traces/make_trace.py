#!/usr/bin/env python3
"""make_trace.py [--jobs N] [--seed S] [--gpus G] [--load L]: a trace of jobs.

Writes CSV for `lockstepd simulate --trace`. The same arguments give the same
bytes. Jobs come at random (Poisson) and ask for as much as `load` of `gpus`
GPUs in the mean; most are small and short, the few large ones take most of the
time, as in the traces of shared GPU clusters (Hu et al., Characterization and
Prediction of Deep Learning Workloads in Large-Scale GPU Datacenters, 2021).
Nearly all say how long they take at the most, and few of them exactly.
"""

import argparse
import math
import random

# Devices, share of the jobs, median of the duration in minutes.
SIZES = [(1, 0.58, 15), (2, 0.15, 25), (4, 0.12, 40), (8, 0.10, 60),
         (16, 0.04, 90), (32, 0.01, 120)]
SIGMA = 1.2  # Of the logarithm of the durations.
OWNERS = 16
WITHOUT_TIMEOUT = 0.03


def pick(dice, weights):
    at = dice.random() * sum(weights)
    for index, weight in enumerate(weights):
        at -= weight
        if at < 0:
            return index
    return len(weights) - 1


def normal(dice):
    """By Box and Muller, as random.gauss may change."""
    return (math.sqrt(-2 * math.log(1 - dice.random())) *
            math.cos(2 * math.pi * dice.random()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--gpus", type=int, default=64)
    parser.add_argument("--load", type=float, default=0.9)
    args = parser.parse_args()
    dice = random.Random(args.seed)
    # A few owners submit most.
    weights = [1 / (rank + 1) for rank in range(OWNERS)]
    mean_minutes = sum(share * devices * median * math.exp(SIGMA**2 / 2)
                       for devices, share, median in SIZES)
    between = 60 * mean_minutes / (args.gpus * args.load)
    print("submit_time,duration,devices,timeout,priority,queue,owner")
    now = 0.0
    for _ in range(args.jobs):
        now += -math.log(1 - dice.random()) * between
        devices, _, median = SIZES[pick(dice, [s[1] for s in SIZES])]
        duration = max(30, 60 * median * math.exp(SIGMA * normal(dice)))
        timeout = duration * (1 + 2 * dice.random())
        owner = pick(dice, weights)
        limit = "" if dice.random() < WITHOUT_TIMEOUT else f"{timeout:.0f}"
        print(f"{now:.0f},{duration:.0f},{devices},{limit},normal,"
              f"{'research' if owner % 2 else 'default'},owner-{owner}")


if __name__ == "__main__":
    main()
