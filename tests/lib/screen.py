# SPDX-License-Identifier: GPL-3.0-or-later
"""What people see of the demo and of measurements."""
import os
import shutil
import sys
import time


class Screen:
    """Colours and a live last line on a terminal, plain lines elsewhere."""

    def __init__(self):
        self.is_tty = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.has_color = self.is_tty and not os.environ.get("NO_COLOR")
        self.start = time.monotonic()

    def color(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.has_color else text

    def good(self, text):
        return self.color("32", text)

    def bad(self, text):
        return self.color("1;31", text)

    def put(self, text=""):
        if self.is_tty:
            text = "\r\033[K" + text
        print(text, flush=True)

    def live(self, text):
        if self.is_tty:
            width = shutil.get_terminal_size().columns - 1
            print("\r\033[K" + self.color("2", text[:width]), end="",
                  flush=True)

    def title(self, text):
        at = time.monotonic() - self.start
        self.put()
        self.put(self.color("1;36", f"{text}  [{at:.1f} s]"))

    def fact(self, text):
        self.put(f"  {text}")

    def dim(self, text):
        """A line that a program said, cut to a usual width."""
        self.put("    " + self.color(
            "2", text if len(text) <= 100 else text[:97] + "..."))

    def command(self, text):
        self.put("  " + self.color("33", "$ " + text))

    def table(self, rows):
        """Rows of texts; the first is the heading."""
        widths = [max(map(len, column)) for column in zip(*rows)]
        for i, row in enumerate(rows):
            line = "  ".join(
                t.ljust(w) for t, w in zip(row, widths)).rstrip()
            if i == 0:
                line = self.color("1", line)
            self.put("    " + line)
