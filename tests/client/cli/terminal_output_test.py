#!/usr/bin/env python3
"""terminal_output_test.py BIN: what the commands that do not fill the terminal print to
one: lines that fit, and no colour and no redrawn line where somebody said so."""

import pathlib
import re
import sys
import unittest

from coordinator_case import CoordinatorCase
from pty_program import PtyProgram

# As long as a name may be.
DONE = "done-" + "d" * 58
RUNS = "runs-" + "r" * 58
WIDTH = 80


class OutputTest(CoordinatorCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.submit(DONE, steps=6, save_steps=3)
    cls.lockstep("wait", DONE, "--timeout", "120s")
    cls.submit(RUNS)
    cls.wait_until_runs(RUNS)

  def shown(self, *arguments, **changes):
    environment = dict(self.environment, **changes)
    program = PtyProgram([self.BIN / "lockstep", *arguments], environment,
                         width=WIDTH)
    self.addCleanup(program.close)
    text = program.read_until(lambda text: "left with" in text)
    output, _, end = text.rpartition("left with")
    self.assertEqual(end.split(), ["0"], text)
    return output


class WidthTest(OutputTest):

  COMMANDS = (("jobs", "list"), ("nodes", "list"), ("checkpoints", "list", DONE),
              ("events",), ("events", DONE), ("queues", "list"),
              ("server", "config"))

  def test_lines_fit_a_terminal(self):
    for command in self.COMMANDS:
      with self.subTest(command=command):
        text = self.shown(*command)
        self.assertTrue(text.strip())
        for line in text.split("\r\n"):
          self.assertLessEqual(len(line), WIDTH, line)

  def test_what_is_cut_says_so_and_a_pipe_gets_all_of_it(self):
    self.assertRegex(self.shown("jobs", "list"), r"\ndone-d+…  SUCCEEDED ")
    self.assertRegex(self.shown("jobs", "list", LC_ALL="C"),
                     r"\ndone-d+~  SUCCEEDED ")
    self.assertRegex(self.shown("nodes", "list"), r" runs-r+…\r")
    # Of a message nothing is cut off: it goes on in the next line.
    self.assertNotIn("…", self.shown("events"))
    piped = self.lockstep("jobs", "list")
    self.assertRegex(piped, rf"\n{DONE}  SUCCEEDED ")
    self.assertNotIn("…", piped)
    self.assertIn(RUNS, self.lockstep("nodes", "list"))
    path = str(self.folder / DONE)
    self.assertIn(path, self.lockstep("checkpoints", "list", DONE))
    self.assertRegex(self.shown("checkpoints", "list", DONE), r"  …d+/checkpoint-3")


class PlainTest(OutputTest):

  # Sequences of ECMA-48, and a return to the beginning of a line that is drawn
  # once more; the terminal itself puts one before each newline.
  STYLED = re.compile("\x1b|\r(?!\n)")

  def follow(self, name, *flags, **changes):
    path = self.folder / f"{DONE}.yaml"
    self.exit.callback(self.end, name)
    return self.shown("submit", path, "--name", name, "--set",
                      f"output_dir={self.folder / name}", "--follow", *flags,
                      **changes)

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    # The slot is for those that are followed.
    cls.end(RUNS)

  def test_a_terminal_gets_colours_and_lines_that_are_redrawn(self):
    # An empty NO_COLOR is none.
    for name, changes in (("plain", {}), ("empty", {"NO_COLOR": ""})):
      with self.subTest(changes=changes):
        self.assertRegex(self.shown("plot", DONE, **changes), r"\x1b\[0;3\dm")
        self.assertRegex(self.follow(name, **changes), r"\rstep \d")

  def test_nobody_gets_them_who_does_not_want_them(self):
    for name, flags, changes in (("no-color", (), {"NO_COLOR": "1"}),
                                 ("dumb", (), {"TERM": "dumb"}),
                                 ("flag", ("--no-color",), {})):
      with self.subTest(name):
        for command in (("plot", DONE), ("jobs", "list"),
                        ("jobs", "describe", DONE)):
          text = self.shown(*command, *flags, **changes)
          self.assertNotRegex(text, self.STYLED)
        text = self.follow(name, *flags, **changes)
        self.assertIn("loss", text)
        self.assertNotRegex(text, self.STYLED)

  def test_a_screen_without_colours_is_drawn_without_them(self):
    for flags, changes in (((), {"NO_COLOR": "1"}), (("--no-color",), {})):
      for command in (("top",), ("plot", DONE, "-f")):
        with self.subTest(command=command, flags=flags):
          program = PtyProgram([self.BIN / "lockstep", *command, *flags],
                               dict(self.environment, **changes))
          self.addCleanup(program.close)
          program.read_until(lambda text: "┤" in text)
          program.type("q")
          text = program.read_until(lambda text: "left with 0" in text)
          # Foreground 30-37 and 90-97, background 40-47 and 100-107.
          self.assertNotRegex(text, r"\x1b\[(\d+;)*([349]|10)[0-7]m")

  def test_a_terminal_that_cannot_place_text_gets_no_screen(self):
    for command in ("top", "plot"):
      with self.subTest(command):
        program = PtyProgram(
            [self.BIN / "lockstep", command, DONE,
             *(["-f"] if command == "plot" else [])],
            dict(self.environment, TERM="dumb"))
        self.addCleanup(program.close)
        text = program.read_until(lambda text: "left with" in text)
        self.assertIn("left with 2", text)
        self.assertIn("TERM=dumb", text)
        self.assertNotRegex(text, self.STYLED)


if __name__ == "__main__":
  CoordinatorCase.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
  unittest.main(verbosity=2)
