"""Does the real TensorBoard read the event files that the worker wrote?

    oracle-python check_tensorboard.py DIR --tags train/loss,train/grad_norm
        --steps N [--points K]

Each tag must be there with finite values, at steps that rise strictly and end
at N; with --points, at exactly K of them (N when every step is logged). What
TensorBoard would silently skip (a record with a bad checksum ends its reading
of the file) fails here, because the last steps would be missing.

Ends with one line, `check_tensorboard: ok ...` and exit status 0, or
`check_tensorboard: FAILED ...` and 1.
"""

import argparse
import math
import sys

from tensorboard.backend.event_processing import event_accumulator


def check(args):
    """Returns what is wrong, or None."""
    events = event_accumulator.EventAccumulator(
        args.dir, size_guidance={event_accumulator.SCALARS: 0})
    events.Reload()
    known = events.Tags()["scalars"]
    for tag in args.tags.split(","):
        if tag not in known:
            return f"no tag {tag} among {known}"
        points = events.Scalars(tag)
        steps = [point.step for point in points]
        if any(a >= b for a, b in zip(steps, steps[1:])):
            return f"{tag}: the steps do not rise: {steps}"
        if steps[-1] != args.steps:
            return f"{tag}: the last step is {steps[-1]}, not {args.steps}"
        if args.points is not None and len(steps) != args.points:
            return f"{tag}: {len(steps)} points, not {args.points}"
        if not all(math.isfinite(point.value) for point in points):
            return f"{tag}: not finite: {[p.value for p in points]}"
        print(f"{tag}: {len(points)} points, {points[0].value:.6g} at step "
              f"{steps[0]}, {points[-1].value:.6g} at step {steps[-1]}")
    return None


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir")
    parser.add_argument("--tags", required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--points", type=int)
    args = parser.parse_args()
    wrong = check(args)
    if wrong:
        print(f"check_tensorboard: FAILED {wrong}")
        sys.exit(1)
    print(f"check_tensorboard: ok tags={args.tags} steps={args.steps}")


if __name__ == "__main__":
    main()
