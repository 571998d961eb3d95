"""A terminal for the driver: a pseudo terminal whose screen is known, as much of one as the driver uses."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import tempfile
import termios
import threading
import unicodedata

from operators import clean_environment
from patience import PATIENCE, wait_until
from processes import BIN

SEQUENCE = re.compile(rb"\x1b\[(\??)([\d;]*)([A-Za-z])")


def width_of(character):
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Screen:
    """Anything that the driver has no business to say is an error. A wide character takes its cell and an empty one."""

    def __init__(self, columns, rows):
        self.modes = {"1049": False, "25": True, "7": True}  # alternate screen, cursor, wrapping
        self.bold = 0
        self.inks = set()  # numbers of the escape sequences for colours that were seen
        self.resize(columns, rows)

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.draws = -1  # the one that is under way is not seen from its beginning
        self.has_scrolled = self.is_settled = False
        self.clear()

    def clear(self):
        self.lines = [[] for _ in range(self.rows)]
        self.x = self.y = 0

    def put(self, text):
        for character in text:
            if character == "\r":
                self.x = 0
            elif character == "\n":
                if self.y + 1 == self.rows:
                    self.has_scrolled = True
                    self.lines = self.lines[1:] + [[]]
                else:
                    self.y += 1
            else:
                assert character.isprintable(), ascii(text)
                self.put_at(character, width_of(character))

    def put_at(self, character, width):
        """Without wrapping: the last column is written again and again."""
        self.x = min(self.x, self.columns - width)
        line = self.lines[self.y]
        line.extend([" "] * (self.x + width - len(line)))
        line[self.x : self.x + width] = [character] + [""] * (width - 1)
        self.x += width

    def obey(self, private, number, letter):
        if private:
            assert number in self.modes and letter in "hl", (number, letter)
            self.modes[number] = letter == "h"
        elif letter == "H" and not number:
            self.x = self.y = 0
            # What was drawn for another size may still be on its way after a resize.
            self.is_settled = self.is_settled or self.draws >= 0 and not self.has_scrolled
            self.draws += 1
            assert not (self.is_settled and self.has_scrolled), "the screen scrolls"
            self.has_scrolled = False
        elif letter == "J":
            self.erase_line()
            self.lines[self.y + 1 :] = [[] for _ in range(self.rows - self.y - 1)]
            if number == "2":
                self.lines = [[] for _ in range(self.rows)]
        elif letter == "K" and not number:
            self.erase_line()
        elif letter == "m":
            self.bold += number == "1"
            self.inks.add(number)
        else:
            raise AssertionError(f"an unknown sequence: {number}{letter}")

    def erase_line(self):
        """Behind a full line the cursor stands on its last character."""
        del self.lines[self.y][min(self.x, self.columns - 1) :]

    def line(self, row):
        return "".join(self.lines[row]).rstrip()

    def text(self):
        return "\n".join(self.line(row) for row in range(self.rows))


class Terminal:
    """A pseudo terminal with hoody-tunnel in it."""

    def __init__(self, url, *arguments, columns=80, rows=24, preexec=lambda: None, **environment):
        self.master, self.slave = pty.openpty()
        self.screen, self.failure, self.lock, self.rest = Screen(columns, rows), None, threading.Lock(), b""
        self.raw = b""
        self.set_size(columns, rows)
        self.before = termios.tcgetattr(self.slave)
        self.stderr = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [os.path.join(BIN, "hoody-tunnel"), *arguments, "--url", url],
            stdin=self.slave, stdout=self.slave, stderr=self.stderr, start_new_session=True,
            preexec_fn=lambda: (fcntl.ioctl(0, termios.TIOCSCTTY, 0), preexec()), env=clean_environment(**{"TERM": "xterm", **environment}))  # fmt: skip
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def set_size(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        with self.lock:
            self.screen.resize(columns, rows)
        self.set_size(columns, rows)
        self.wait_for(lambda screen: screen.is_settled, "it is drawn for that size")

    def read(self):
        with contextlib.suppress(OSError):  # EIO: nobody has the other side any more
            while data := os.read(self.master, 65536):
                with self.lock:
                    self.raw += data
                    self.feed(self.rest + data)

    def feed(self, data):
        position = 0
        try:
            while position < len(data):
                match = SEQUENCE.match(data, position)
                end = data.find(b"\x1b", position + 1)
                if match:
                    self.screen.obey(*(group.decode() for group in match.groups()))
                    position = match.end()
                elif data[position] == 0x1B:
                    break  # to be continued
                else:
                    end = len(data) if end < 0 else end
                    text = data[position:end]
                    try:
                        self.screen.put(text.decode())
                    except UnicodeDecodeError as error:
                        self.screen.put(text[: error.start].decode())
                        assert end == len(data) and len(text) - error.start < 4, text[error.start :]
                        position += error.start
                        break  # to be continued
                    position = end
        except AssertionError as failure:
            self.failure = self.failure or failure
            position = len(data)
        self.rest = data[position:]

    def text(self):
        with self.lock:
            assert self.failure is None, self.failure
            return self.screen.text()

    def wait_for(self, condition, what):
        def holds():
            assert self.process.poll() is None, f"it ended: {self.errors()}"
            with self.lock:
                assert self.failure is None, self.failure
                return condition(self.screen)

        try:
            wait_until(holds, what)
        except AssertionError:
            print(self.text())
            raise

    def wait_for_draws(self, count=3):
        """So many whole ones from now on: the last of those that began is not looked at."""
        with self.lock:
            seen = self.screen.draws
        self.wait_for(lambda screen: screen.is_settled and screen.draws > seen + count, "it is drawn again")

    def type(self, keys):
        os.write(self.master, keys)

    def errors(self):
        return os.pread(self.stderr.fileno(), 1 << 20, 0).decode("utf-8", "replace")

    def is_as_before(self):
        with self.lock:
            modes = dict(self.screen.modes)
        return modes == {"1049": False, "25": True, "7": True} and termios.tcgetattr(self.slave) == self.before

    def expect_end(self, status=0):
        ended = self.process.wait(timeout=PATIENCE)
        assert ended == status, (ended, self.errors())
        assert "Sanitizer" not in self.errors() and "runtime error" not in self.errors(), self.errors()
        wait_until(self.is_as_before, "the terminal is as it was")
        self.text()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.process.kill()
        self.process.wait()
        os.close(self.slave)
        self.reader.join()
        os.close(self.master)
        if kind is not None:
            print(self.errors())


def url_of(daemon):
    return f"ws://127.0.0.1:{daemon.port}"
