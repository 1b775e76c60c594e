#!/usr/bin/env python3
"""top_terminal_test.py BIN: `lockstep top` and `lockstep plot -f` in a real terminal,
which is tmux: keys are typed, screens are read, of a real lockstepd with a job that
trains."""

import os
import pathlib
import re
import select
import subprocess
import sys
import unittest

from coordinator_case import CoordinatorCase
from tmux_screen import screen_of


class TopTest(CoordinatorCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.submit("trains")
    cls.submit("waits")

  def screen(self, *arguments, **size):
    return self.screen_of("top", "--interval", "250ms", *arguments, **size)

  def screen_of(self, *arguments, **size):
    return screen_of(self.environment, self.BIN / "lockstep", *arguments, **size)

  def test_shows_jobs_and_the_loss_of_the_selected_one(self):
    with self.screen("trains") as screen:
      text = screen.wait_for(lambda text: "┤" in text and re.search(
          r"\ntrains +RUNNING ", text) and re.search(r"\nwaits +QUEUED ", text))
      self.assertRegex(text, r"lockstep  1 active  [1-9]\d* waiting")
      self.assertRegex(text, r"cpu ▕█{10}▏ 1/1 in use")
      self.assertIn("trains: loss by step", text)
      self.assertNotIn("before", text)

      screen.type("l")
      screen.wait_for(lambda text: "trains: log of rank 0" in text)
      screen.type("Up")
      screen.wait_for(lambda text: "waits: log of rank 0" in text)
      screen.type("?")
      screen.wait_for(lambda text: "asks first" in text)
      screen.type("q")
      text = screen.wait_for(lambda text: "left with 0" in text)
      self.assertIn("before", text)
      self.assertNotIn("RUNNING", text)

  def test_cancels_after_a_yes(self):
    self.submit("unwanted")
    with self.screen("unwanted") as screen:
      # The title of the plot has the name before there is a job.
      screen.wait_for(lambda text: re.search(r"\nunwanted +QUEUED", text))
      screen.type("c")
      screen.wait_for(lambda text: "cancel job/unwanted? y" in text)
      screen.type("n")
      screen.wait_for(lambda text: "q quit" in text)
      screen.type("c")
      screen.wait_for(lambda text: "cancel job/unwanted? y" in text)
      screen.type("y")
      screen.wait_for(lambda text: re.search(r"\nunwanted +CANCELLED", text))

  def test_pauses_and_resumes(self):
    self.submit("held")
    with self.screen("held") as screen:
      screen.wait_for(lambda text: "\nheld " in text)
      screen.type("p")
      screen.wait_for(lambda text: re.search(r"\nheld +PAUSED", text))
      screen.type("p")
      screen.wait_for(lambda text: re.search(r"\nheld +QUEUED", text))

  def test_follows_the_size_of_the_terminal(self):
    with self.screen("trains", width=120, height=40) as screen:
      screen.wait_for(lambda text: "RUNNING" in text)
      screen.resize(60, 10)
      # There is no room for a curve any more, and the last column is cut off.
      text = screen.wait_for(
          lambda text: "RUNNING" in text and "loss by step" not in text)
      self.assertNotIn("AGE", text)

  def test_gives_the_terminal_back_on_a_signal(self):
    with self.screen("trains") as screen:
      screen.wait_for(lambda text: "RUNNING" in text)
      shell = screen.pid()
      (child,) = pathlib.Path(
          f"/proc/{shell}/task/{shell}/children").read_text().split()
      os.kill(int(child), 15)
      text = screen.wait_for(lambda text: "left with 130" in text)
      self.assertIn("before", text)
      # Echo is on again: cat gives back what the terminal has shown.
      screen.type("seen", "Enter")
      screen.wait_for(lambda text: text.count("seen") == 2)

  def test_ends_when_the_terminal_is_closed(self):
    with self.screen("trains") as screen:
      screen.wait_for(lambda text: "RUNNING" in text)
      shell = screen.pid()
      (child,) = pathlib.Path(
          f"/proc/{shell}/task/{shell}/children").read_text().split()
      waiter = os.pidfd_open(int(child))
    self.addCleanup(os.close, waiter)
    # Readable once the process has ended.

    self.assertTrue(select.select([waiter], [], [], 30)[0])

  def test_a_plot_grows_until_its_user_leaves(self):
    with self.screen_of("plot", "trains", "-f", "--smooth", "0.9") as screen:
      last_step = re.compile(r"\n +1 +(\d+)\n")
      text = screen.wait_for(lambda text: "┤" in text and last_step.search(text))
      self.assertIn("trains: loss by step, smoothed by 0.9", text)
      self.assertIn("q quit", text)
      self.assertNotIn("before", text)
      seen = last_step.search(text).group(1)
      screen.wait_for(lambda text: last_step.search(text) and
                      last_step.search(text).group(1) != seen)
      screen.type("q")
      # The last picture stays.
      text = screen.wait_for(lambda text: "left with 0" in text)
      self.assertIn("smoothed by 0.9", text)
      self.assertNotIn("q quit", text)

  def test_a_plot_gives_the_terminal_back_on_ctrl_c(self):
    with self.screen_of("plot", "waits", "-f") as screen:
      screen.wait_for(lambda text: "no points" in text and "q quit" in text)
      screen.type("C-c")
      text = screen.wait_for(lambda text: "left with 130" in text)
      self.assertIn("before", text)

  def test_once_prints_the_table(self):
    text = self.lockstep("top", "--once")
    self.assertRegex(text, r"\ntrains +[A-Z]+ ")
    self.assertNotIn("\x1b", text)


class UsageTest(unittest.TestCase):

  def refused(self, *arguments):
    result = subprocess.run(
        [CoordinatorCase.BIN / "lockstep", "top", *arguments], capture_output=True, text=True,
        env=dict(os.environ, LOCKSTEP_SERVER="unix:/nonexistent/s.sock"))
    return result.returncode, result.stderr

  def test_says_what_it_needs(self):
    code, text = self.refused()
    self.assertEqual(code, 2)
    self.assertIn("needs a terminal", text)
    code, text = self.refused("--interval", "soon")
    self.assertEqual(code, 2)
    self.assertIn("--interval soon", text)
    code, text = self.refused("-o", "json")
    self.assertEqual(code, 2)
    self.assertIn("has no json", text)
    code, text = self.refused("--once")
    self.assertEqual(code, 5)


if __name__ == "__main__":
  CoordinatorCase.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
  unittest.main(verbosity=2)
