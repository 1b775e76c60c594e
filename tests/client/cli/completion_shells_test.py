#!/usr/bin/env python3
"""completion_shells_test.py BIN: each shell that `lockstep completion` has a script for,
in a terminal, where somebody presses the tab key."""

import os
import pathlib
import sys
import unittest

from coordinator_case import CoordinatorCase
from pty_program import PtyProgram

JOB = "zebra-2026"


class ShellTest(CoordinatorCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.submit(JOB)
    cls.environment.update(
        PATH=f"{cls.BIN}:{os.environ['PATH']}", HOME=str(cls.folder),
        XDG_CONFIG_HOME=str(cls.folder), XDG_DATA_HOME=str(cls.folder))

  def check(self, setup, *argv):
    shell = PtyProgram(argv, self.environment)
    self.addCleanup(shell.close)
    # The word that is awaited is not the one that is typed.
    shell.type(setup + "; echo rea''dy\n")
    shell.read_until(lambda text: "ready" in text)
    shell.text = b""
    shell.type("lockstep repo\t")
    shell.read_until(lambda text: "report" in text)
    shell.type("zeb\t")
    shell.read_until(lambda text: JOB in text)
    # Whole, and run.
    shell.type("-o - | head -c 15\n")
    shell.read_until(lambda text: "<!DOCTYPE html>" in text or
                     "<!doctype html>" in text)

  def test_bash(self):
    self.check("source <(lockstep completion bash)",
               "bash", "--norc", "--noprofile", "-i")

  def test_zsh(self):
    self.check("autoload -Uz compinit; compinit -u -D; "
               "source <(lockstep completion zsh)", "zsh", "-f", "-i")

  def test_fish(self):
    self.check("lockstep completion fish | source", "fish", "--no-config", "-i")


if __name__ == "__main__":
  CoordinatorCase.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
  unittest.main(verbosity=2)
