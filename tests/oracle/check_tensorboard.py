"""Does the real TensorBoard read the event files that the worker wrote?

    oracle-python check_tensorboard.py DIR --tags train/loss,train/grad_norm
        --steps N [--points K] [--text TAG=PART] [--hparam NAME=VALUE]
        [--ended yes|no] [--last TAG=VALUE]

Each tag must be there with finite values, at steps that rise strictly and end
at N; with --points, at exactly K of them (N when every step is logged). What
TensorBoard would silently skip (a record with a bad checksum ends its reading
of the file) fails here, because the last steps would be missing. --text: a text
with that tag contains that part. --hparam: TensorBoard's HParams has that value
(VALUE is JSON), and --ended says whether it takes the run for one that
succeeded. --last: the newest value of that tag, as Python writes it: nan, inf and
-inf are values, too, and of such a tag any value may be.

Ends with one line, `check_tensorboard: ok ...` and exit status 0, or
`check_tensorboard: FAILED ...` and 1.
"""

import argparse
import json
import math
import sys

from google.protobuf import json_format
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.util import tensor_util


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
        last = dict(wanted.split("=") for wanted in args.last).get(tag)
        if last is not None:
            if str(points[-1].value) != last:
                return f"{tag}: the last is {points[-1].value}, not {last}"
        elif not all(math.isfinite(point.value) for point in points):
            return f"{tag}: not finite: {[p.value for p in points]}"
        print(f"{tag}: {len(points)} points, {points[0].value:.6g} at step "
              f"{steps[0]}, {points[-1].value:.6g} at step {steps[-1]}")
    return check_text(args, events) or check_hparams(args, events)


def check_text(args, events):
    for wanted in args.text:
        tag, _, part = wanted.partition("=")
        texts = [tensor_util.make_ndarray(event.tensor_proto).item().decode()
                 for event in events.Tensors(tag)]
        if not any(part in text for text in texts):
            return f"no text {tag} has {part!r}: {texts}"
    return None


def check_hparams(args, events):
    try:
        plugin = events.PluginTagToContent(metadata.PLUGIN_NAME)
    except KeyError:
        plugin = {}
    for wanted in args.hparam:
        name, _, value = wanted.partition("=")
        start = metadata.parse_session_start_info_plugin_data(
            plugin[metadata.SESSION_START_INFO_TAG])
        found = json_format.MessageToDict(start)["hparams"].get(name)
        if found != json.loads(value):
            return f"hparam {name} is {found!r}, not {value}"
    end = plugin.get(metadata.SESSION_END_INFO_TAG)
    if args.ended == "yes":
        status = metadata.parse_session_end_info_plugin_data(end).status
        if status != api_pb2.STATUS_SUCCESS:
            return f"the session's status is {status}"
    if args.ended == "no" and end is not None:
        return "the session has an end"
    return None


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir")
    parser.add_argument("--tags", required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--points", type=int)
    parser.add_argument("--text", action="append", default=[])
    parser.add_argument("--hparam", action="append", default=[])
    parser.add_argument("--last", action="append", default=[])
    parser.add_argument("--ended", choices=["yes", "no"])
    args = parser.parse_args()
    wrong = check(args)
    if wrong:
        print(f"check_tensorboard: FAILED {wrong}")
        sys.exit(1)
    print(f"check_tensorboard: ok tags={args.tags} steps={args.steps}")


if __name__ == "__main__":
    main()
