#!/usr/bin/env python3
"""terminal_trouble_test.py BIN: `lockstep top` and `lockstep plot -f` where a terminal
or a user is difficult: signals, a terminal that is not read, resized or closed in
mid-draw, and more keys than anybody can see the answers to."""

import os
import pathlib
import re
import select
import signal
import sys
import termios
import time
import unittest

from coordinator_case import CoordinatorCase
from pty_program import CLEAR, Picture, PtyProgram

LEAVE = "\x1b[?1049l"
# One line of it is more than a terminal holds that nobody reads.
BLOCKING_WIDTH = 60000


class TroubleTest(CoordinatorCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.submit("trains")
    cls.submit("waits")

  def start(self, *arguments, **size):
    program = PtyProgram([self.BIN / "lockstep", *arguments], self.environment,
                         **size)
    self.addCleanup(program.close)
    return program

  def top(self, **size):
    return self.start("top", "--interval", "250ms", **size)

  def blocked_top(self, height=12):
    program = self.top(width=BLOCKING_WIDTH, height=height)
    program.wait_for_output()
    return program

  def test_every_signal_gives_the_terminal_back(self):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
      for command in (("top",), ("plot", "waits", "-f")):
        with self.subTest(signal=number, command=command):
          program = self.start(*command)
          program.show_until(lambda text: "q quit" in text)
          self.assertFalse(program.modes()[3] & termios.ECHO)
          program.signal(number)
          text = program.read_until(lambda text: "left with" in text)
          self.assertIn("left with 130", text)
          self.assertIn(LEAVE, text)
          self.assertEqual(program.modes(), program.modes_before)

  def test_one_signal_is_enough_while_nobody_reads(self):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
      with self.subTest(signal=number):
        program = self.blocked_top()
        waiter = os.pidfd_open(program.pid())
        self.addCleanup(os.close, waiter)
        program.signal(number)
        # Readable once the process has ended.
        self.assertTrue(select.select([waiter], [], [], 20)[0])
        self.assertEqual(program.modes(), program.modes_before)

  def test_its_user_leaves_while_nobody_reads(self):
    program = self.blocked_top()
    waiter = os.pidfd_open(program.pid())
    self.addCleanup(os.close, waiter)
    program.type("q")
    self.assertTrue(select.select([waiter], [], [], 20)[0])
    self.assertEqual(program.modes(), program.modes_before)

  def test_a_stopped_program_has_given_the_terminal_back(self):
    for command in (("top",), ("plot", "waits", "-f")):
      with self.subTest(command=command):
        program = self.start(*command)
        program.show_until(lambda text: "q quit" in text)
        program.signal(signal.SIGTSTP)
        text = program.read_until(lambda text: "stopped" in text)
        self.assertIn(LEAVE, text)
        self.assertEqual(program.modes(), program.modes_before)

        # Going on, it draws all of the picture.
        program.text = b""
        program.type("\n")
        program.show_until(lambda text: "q quit" in text)
        self.assertFalse(program.modes()[3] & termios.ECHO)
        program.type("q")
        program.read_until(lambda text: "left with" in text)
        self.assertEqual(program.modes(), program.modes_before)

  def test_after_a_stop_that_it_could_not_see_it_draws_anew(self):
    program = self.top()
    program.show_until(lambda text: "q quit" in text)
    raw = program.modes()
    program.signal(signal.SIGSTOP)
    program.read_until(lambda text: "stopped" in text)
    # As some shells do.
    termios.tcsetattr(program.slave, termios.TCSANOW, program.modes_before)
    program.text = b""
    program.type("\n")
    program.show_until(lambda text: "q quit" in text)
    self.assertEqual(program.modes(), raw)

  def whole_picture(self, program, width, height):
    """Waits for it: of that size, from the fleet to the keys."""
    def is_whole(text):
      picture = Picture(text)
      return (picture.line(1).startswith("lockstep  ") and
              "\ntrains " in picture.text() and
              picture.line(height).startswith("q quit") and
              picture.size() == (width, height))
    text = program.read_until(is_whole)
    picture = Picture(text)
    lines = [picture.line(row) for row in range(1, height + 1)]
    self.assertEqual(sum(line.startswith("lockstep  ") for line in lines), 1)
    self.assertEqual(sum(line.startswith("trains ") for line in lines), 1)

  def test_resized_in_mid_draw_it_shows_one_whole_picture(self):
    program = self.blocked_top()
    program.resize(100, 30)
    self.whole_picture(program, 100, 30)
    program.resize(70, 24)
    self.whole_picture(program, 70, 24)

  def test_a_storm_of_resizes_ends_in_one_whole_picture(self):
    program = self.top()
    program.show_until(lambda text: "q quit" in text)
    begin = time.monotonic()
    for i in range(400):
      program.resize(60 + i % 50, 16 + i % 9)
      program.read_for(0.005)
    program.resize(90, 20)
    self.whole_picture(program, 90, 20)
    took = time.monotonic() - begin
    # Of the sizes that nobody could have seen most were not drawn.
    self.assertLessEqual(program.text.count(CLEAR.encode()), 4 * took + 3)

  def test_it_ends_when_the_terminal_is_closed_in_mid_draw(self):
    program = self.blocked_top()
    waiter = os.pidfd_open(program.pid())
    self.addCleanup(os.close, waiter)
    program.hang_up()
    self.assertTrue(select.select([waiter], [], [], 20)[0])
    self.assertTrue(program.ends(20))

  def pictures(self, pieces):
    """How many there are; what comes within 100 ms is one."""
    count, began = 0, float("-inf")
    for at, _ in pieces:
      if at - began > 0.1:
        count, began = count + 1, at
    return count

  def test_draws_at_most_four_times_a_second(self):
    program = self.top()
    program.show_until(lambda text: re.search(r"\nwaits +QUEUED", text))
    pieces = []
    begin = time.monotonic()
    for i in range(100):
      program.type("jk"[i % 2])
      pieces += program.read_for(0.03)
    program.type("j")
    took = time.monotonic() - begin
    # As fast as the machine was, and two at the ends.
    count = self.pictures(pieces)
    self.assertGreater(count, 2)
    self.assertLessEqual(count, 4 * took + 2)
    # The last key was taken: it went from the newest job to the other.
    program.type("l")
    program.show_until(lambda text: "trains: log of rank 0" in text)


if __name__ == "__main__":
  CoordinatorCase.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
  unittest.main(verbosity=2)
