#!/usr/bin/env python3
"""follow_terminal_test.py BIN: `submit --follow` and `watch` in a terminal, which is
tmux: the phases of a job, its bar, and what is left when somebody turns away."""

import pathlib
import re
import sys
import unittest

from coordinator_case import CoordinatorCase
from tmux_screen import screen_of

BAR = (r"\nstep \d+/100000 ▕[█▏▎▍▌▋▊▉ ]+▏ 0% loss \d\.\d+ lr \S+ \S+ tok/s"
       r"( mfu \S+)? eta \S+ *\n")


class FollowTest(CoordinatorCase):

  def test_phases_then_a_bar_and_whoever_leaves_ends_nothing(self):
    self.submit("first")
    self.end("first")  # Its job file is there, and the slot is free.
    self.exit.callback(self.end, "followed")
    with screen_of(self.environment, self.BIN / "lockstep", "submit",
                   self.folder / "first.yaml", "--name", "followed", "--set",
                   f"output_dir={self.folder / 'followed'}", "--follow",
                   width=110) as screen:
      text = screen.wait_for(lambda text: re.search(BAR, text))
      phases = re.findall(r"\n(preparing|queued|starting|running)\b", text)
      self.assertEqual(phases, sorted(phases, key=(
          "preparing", "queued", "starting", "running").index), text)
      self.assertEqual(phases[-1], "running")
      # One line, redrawn.
      self.assertEqual(len(re.findall(r"\nstep ", text)), 1)
      step = int(re.search(r"\nstep (\d+)/", text)[1])
      screen.wait_for(lambda text: (found := re.search(r"\nstep (\d+)/", text))
                      and int(found[1]) > step)

      screen.type("C-c")
      text = screen.wait_for(lambda text: "left with 130" in text)
      self.assertIn("followed goes on; look again with: lockstep watch followed",
                    " ".join(text.split()))

    with screen_of(self.environment, self.BIN / "lockstep", "watch", "followed",
                   width=110) as screen:
      text = screen.wait_for(lambda text: re.search(r"\nstep \d+/", text))
      self.assertIn(" followed RUNNING ", text)
      self.lockstep("jobs", "cancel", "followed")
      text = screen.wait_for(lambda text: "left with 0" in text)
      self.assertIn(" followed CANCELLED ", text)


if __name__ == "__main__":
  CoordinatorCase.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
  unittest.main(verbosity=2)
