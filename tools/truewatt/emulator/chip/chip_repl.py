"""The prompt of the emulated chip's console: MicroPython's raw REPL and raw paste mode.

Bytes as in MicroPython's shared/runtime/pyexec.c and docs/reference/repl.rst, so that the real
mpremote talks to it. What arrives on stdin is the console's; ^C comes as SIGINT (wires/console.py).
"""

import io
import sys
from collections import namedtuple

import chip_host
import esp32
import micropython

_WINDOW = 128
_RAW_PROMPT = b"raw REPL; CTRL-B to exit\n>"
_identity = namedtuple("implementation", ("name", "version", "_machine", "_mpy"))
_in = sys.stdin.buffer
_out = sys.stdout.buffer


class _Sys:
    """The interpreter's `sys`, but for what it says it is."""

    def __init__(self, real, implementation):
        self._real = real
        self.implementation = implementation

    def __getattr__(self, name):
        return getattr(self._real, name)


def pretend(machine, version):
    """From here on `sys.implementation` is that of a chip."""
    real = sys.implementation
    said = _identity(real[0], tuple(version) + ("",), machine, real._mpy)
    sys.modules["sys"] = _Sys(sys, said)


class SoftReset(Exception):
    """^D at an empty prompt."""


class Prompt:
    """Reads commands until a reset; `raw` is the mode that outlasts a soft reset."""

    def __init__(self, raw):
        self.raw = raw
        self._names = {"__name__": "__main__"}

    def run(self):
        """Serve the console; returns at ^D, with `raw` telling the mode to come back in."""
        _out.write(_RAW_PROMPT if self.raw else b">>> ")
        while True:
            try:
                self._serve()
            except (KeyboardInterrupt, MemoryError):
                _unlock_heap()
                _out.write(b"\n>" if self.raw else b"\n>>> ")
            except SoftReset:
                _out.write(b"\nMPY: soft reboot\n")
                return

    def _serve(self):
        while True:
            if self.raw:
                self._raw_line()
            else:
                self._friendly(_byte())

    def _friendly(self, byte):
        if byte == b"\x01":
            self.raw = True
            _out.write(_RAW_PROMPT)
        elif byte == b"\x04":
            raise SoftReset
        elif byte == b"\r":
            _out.write(b"\n>>> ")

    def _raw_line(self):
        line = bytearray()
        while True:
            byte = _byte()
            if byte == b"\x04":
                break
            if byte == b"\x01":
                line = bytearray()
                _out.write(_RAW_PROMPT)
            elif byte == b"\x02":
                self.raw = False
                _out.write(b"\n>>> ")
                return
            elif byte == b"\x05" and not line:
                return self._paste()
            elif line or byte != b"\r":
                line.extend(byte)
        if not line:
            raise SoftReset
        _out.write(b"OK")
        self._execute(bytes(line))

    def _paste(self):
        if _byte() + _byte() != b"A\x01":
            _out.write(b"R\x00")
            return
        _out.write(b"R\x01" + bytes((_WINDOW, 0, 1)))
        text = bytearray()
        while True:
            byte = _byte()
            if byte == b"\x04":
                break
            text.extend(byte)
            if len(text) % _WINDOW == 0:
                _out.write(b"\x01")
        _out.write(b"\x04")
        self._execute(bytes(text))

    def _execute(self, text):
        said = io.StringIO()
        try:
            exec(compile(text.decode(), "<stdin>", "exec"), self._names)
        except SystemExit:
            raise SoftReset
        except BaseException as error:
            sys.print_exception(error, said)
        _out.write(b"\x04" + said.getvalue().encode() + b"\x04>")


def _unlock_heap():
    """The unix port's ^C strikes in the middle of an import too, and leaves the heap locked."""
    try:
        bytearray(8)
    except MemoryError:
        micropython.heap_unlock()


def _byte():
    byte = _in.read(1)
    if not byte:
        raise SystemExit
    return byte


class Partition:
    """A part of the flash; only the one of the NVS is here. Erased under a running NVS, as on a
    chip, what is in memory stays until the reset."""

    TYPE_DATA = 1
    _BLOCKS = 4

    @staticmethod
    def find(type=TYPE_DATA, subtype=0xFF, label=None):
        """The partitions of that label."""
        return [Partition()] if label in (None, "nvs") else []

    def ioctl(self, op, arg):
        """Block count (4), block size (5), erase a block (6); the file goes with the first."""
        if op == 4:
            return self._BLOCKS
        if op == 5:
            return 4096
        if op == 6 and arg == 0:
            with esp32._outside.open(esp32._path + ".new", "w") as file:
                file.write("{}")
            chip_host.rename(esp32._path + ".new", esp32._path)
        return 0


esp32.Partition = Partition


def console(says, main_path, run):
    """main.py if there is one and no soft reset led to the raw prompt, then the prompt."""
    pretend(says["machine"], says["version"])
    prompt = Prompt(says["raw"])
    starts = not prompt.raw
    while True:
        try:
            if starts:
                starts = False
                _start(main_path, run)
            prompt.run()
            break
        except (KeyboardInterrupt, MemoryError):
            pass
    chip_host.leave(chip_host.EXIT_SOFT_RESET_RAW if prompt.raw else chip_host.EXIT_SOFT_RESET)


def _start(main_path, run):
    print("boot: main.py, if there is one")
    try:
        name = main_path()
    except OSError:
        return  # nothing was flashed yet
    run(name)
