"""A program in a terminal of its own, whose other end the test reads, or does not,
or closes. And a screen that shows what such a program has drawn."""

import contextlib
import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

DEADLINE_SECONDS = 60
# What a program sends before it draws all of a picture.
CLEAR = "\x1b[2J"

# Runs the program in the foreground, as a shell with job control does; what the
# program was stopped by, it waits for a line and lets it go on.
SHELL = """
"$@"
code=$?
while jobs %% >/dev/null 2>&1; do
  echo "stopped"
  read line
  fg %% >/dev/null
  code=$?
done
echo "left with $code"
"""


class PtyProgram:

  def __init__(self, argv, environment, width=80, height=24):
    self.master, self.slave = pty.openpty()
    self.resize(width, height)
    self.modes_before = termios.tcgetattr(self.slave)
    self.text = b""
    self._shell = subprocess.Popen(
        ["sh", "-mc", SHELL, "sh", *map(str, argv)], env=environment,
        stdin=self.slave, stdout=self.slave, stderr=self.slave,
        preexec_fn=self._take_terminal)

  @staticmethod
  def _take_terminal():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

  def resize(self, width, height):
    fcntl.ioctl(self.slave, termios.TIOCSWINSZ,
                struct.pack("HHHH", height, width, 0, 0))

  def modes(self):
    return termios.tcgetattr(self.slave)

  def pid(self):
    """Of the program; the shell is its parent."""
    shell = self._shell.pid
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
      children = pathlib.Path(
          f"/proc/{shell}/task/{shell}/children").read_text().split()
      if children:
        return int(children[0])
      select.select([], [], [], 0.01)
    raise AssertionError("the program has not started")

  def signal(self, number):
    os.kill(self.pid(), number)

  def type(self, keys):
    os.write(self.master, keys.encode())

  def wait_for_output(self):
    """Without taking it."""
    if not select.select([self.master], [], [], DEADLINE_SECONDS)[0]:
      raise AssertionError("nothing is drawn")

  def read_for(self, seconds):
    """What comes in that time, with the moment that each piece came at."""
    pieces = []
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
      if select.select([self.master], [], [], left)[0]:
        pieces.append((time.monotonic(), self._read()))
    return pieces

  def _read(self):
    try:
      piece = os.read(self.master, 1 << 16)
    except OSError:  # Nobody has the other end open.
      piece = b""
    self.text += piece
    return piece

  def read_until(self, holds):
    """All that was read so far, as soon as it `holds`."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds(self.text.decode(errors="replace")):
      left = deadline - time.monotonic()
      if (left <= 0 or not select.select([self.master], [], [], left)[0] or
          not self._read()):
        raise AssertionError(f"not what was awaited: ...{self.text[-2000:]!r}")
    return self.text.decode(errors="replace")

  def show_until(self, holds):
    """The screen, as soon as it `holds`; one that begins with all of a picture."""
    output = self.read_until(lambda text: CLEAR in text and
                             holds(Picture(text).text()))
    return Picture(output).text()

  def hang_up(self):
    """Both ends are closed here."""
    os.close(self.slave)
    os.close(self.master)
    self.slave = self.master = -1

  def ends(self, seconds):
    """Whether the shell, and so the program, is gone by then. Nothing is read."""
    with contextlib.suppress(subprocess.TimeoutExpired):
      self._shell.wait(seconds)
      return True
    return False

  def close(self):
    if self._shell.poll() is None:
      with contextlib.suppress(ProcessLookupError, AssertionError):
        os.kill(self.pid(), signal.SIGKILL)
      self._shell.kill()
      self._shell.wait()
    if self.master >= 0:
      self.hang_up()


class Picture:
  """What a terminal shows after some output of lockstep: cursor positions and text
  since it was last cleared; styles are left out."""

  SEQUENCE = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|([^\x1b])", re.DOTALL)

  def __init__(self, output):
    self.cells = {}
    row = column = 1
    output = output.rpartition(CLEAR)[2]
    for numbers, last, character in self.SEQUENCE.findall(output):
      if character:
        self.cells[row, column] = character
        column += 1
      elif last == "H":
        row, column = map(int, numbers.split(";"))

  def line(self, row):
    columns = [at[1] for at in self.cells if at[0] == row]
    return "".join(self.cells.get((row, column), " ")
                   for column in range(1, max(columns, default=0) + 1)).rstrip()

  def text(self):
    height = self.size()[1]
    return "\n".join(self.line(row) for row in range(1, height + 1))

  def size(self):
    """Of what was written to."""
    return (max((column for _, column in self.cells), default=0),
            max((row for row, _ in self.cells), default=0))
