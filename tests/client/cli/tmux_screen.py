"""A terminal that is tmux: a test types keys into it and reads its screen."""

import contextlib
import os
import pathlib
import select
import subprocess
import tempfile
import time

DEADLINE_SECONDS = 30


class Screen:
  """A tmux server of one's own whose one pane runs a command."""

  def __init__(self, folder, argv, environment, width=90, height=24):
    self._socket = folder / "tmux"
    self._tmux("new-session", "-d", "-x", str(width), "-y", str(height),
               *map(str, argv), environment=environment)
    self._tmux("set-option", "-g", "remain-on-exit", "on")
    # In control mode tmux tells of each output, so that nobody has to poll.
    self._control = subprocess.Popen(
        ["tmux", "-S", self._socket, "-C", "attach"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE)

  def _tmux(self, *arguments, environment=None):
    return subprocess.run(["tmux", "-f", "/dev/null", "-S", self._socket,
                           *arguments], check=True, capture_output=True,
                          text=True, env=environment).stdout

  def text(self):
    return self._tmux("capture-pane", "-p")

  def type(self, *keys):
    self._tmux("send-keys", *keys)

  def resize(self, width, height):
    self._tmux("resize-window", "-x", str(width), "-y", str(height))

  def wait_for(self, holds):
    """The first screen for which `holds`."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    notices = self._control.stdout.fileno()
    while True:
      text = self.text()
      if holds(text):
        return text
      left = deadline - time.monotonic()
      if (left <= 0 or not select.select([notices], [], [], left)[0] or
          not os.read(notices, 1 << 16)):
        raise AssertionError(f"not what was awaited:\n{text}")

  def pid(self):
    return int(self._tmux("display-message", "-p", "#{pane_pid}"))

  def close(self):
    with contextlib.suppress(subprocess.CalledProcessError):
      self._tmux("kill-server")
    self._control.communicate()


@contextlib.contextmanager
def screen_of(environment, *argv, **size):
  """A screen whose shell shows what the program leaves behind."""
  with tempfile.TemporaryDirectory() as folder:
    # What is typed may interrupt the program, not the shell.
    shell = ["sh", "-c",
             'trap : INT; echo before; "$@"; echo "left with $?"; cat', "sh"]
    screen = Screen(pathlib.Path(folder), [*shell, *argv], environment, **size)
    try:
      yield screen
    finally:
      screen.close()
