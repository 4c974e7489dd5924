"""Power-on of the emulated chip: `micropython boot.py BOARD_JSON [CODE_FILE | --console SAYS]`.

Puts the emulated modules in place of the port's, mounts the flash at "/" and the firmware at
"/rom", then runs main.py, or the code in CODE_FILE as a programmer's cable would. With `--console`
stdin and stdout are the chip's console, as chip_repl serves it.
"""

import gc
import json
import sys

import chip_charges
import chip_clock  # noqa: F401  (starts the chip's time)
import chip_flash
import chip_host
import chip_pin
import chip_uart
import utime
import vfs

_MODULES = ("time", "select", "machine", "esp32")
_WAIT_REAL_MS = 20
# What is Python here and C on a chip, measured: UARTs 224, six pins 800, NVS 700, what is polled
# 240, a dozen tasks and the queues of as many events 800, less what the C of it takes.
_WIRES_BYTES = 2560
# What stands around the generators of Ed25519 when their slices cost the chip's time.
_SLICES_BYTES = 2048


def _when_ready(action, path, patience_ms):
    """Try until the electrical world is there: it may be started after the board."""
    start = utime.ticks_ms()
    while True:
        try:
            return action(path)
        except OSError:
            if utime.ticks_diff(utime.ticks_ms(), start) > patience_ms:
                raise
        utime.sleep_ms(_WAIT_REAL_MS)


def _plug_in(board):
    """Connect to the pins' world; its end is the end of this board's mains."""
    path = board["pins"]
    if path is None:
        return None
    mains = _when_ready(chip_host.connect_unix, path, board["patience_ms"])
    mains.send(b"mains\n")
    # Nothing ever comes on it: a byte would be taken for the end, even one that was read before, as
    # its signal may be sent after it.
    chip_host.die_with(mains)
    supply = chip_host.connect_unix(path)
    supply.send(b"supply\n")
    dipped = supply.recv(1) == b"d"
    supply.close()
    if dipped:
        import machine

        # What the port makes of a brown-out; the register knows better.
        machine._reset_cause = machine.WDT_RESET
        machine.mem32[0x3FF48034] = 15
    chip_pin._connect(path)
    return mains


def _replace_modules():
    """The interpreter's own modules must not be had under their names any more.

    sys.modules is looked up before built-ins, so this also holds for what is frozen.
    """
    for name in _MODULES:
        sys.modules[name] = __import__(name)
    sys.modules["_asyncio"] = __import__("chip_asyncio")
    sys.modules["gc"] = __import__("chip_gc")


def _plug_in_chip(board, bus):
    """Few boards have a chip on SPI or I2C: only theirs load what emulates it."""
    path = board[bus]
    if path is not None:
        chip = __import__("chip_" + bus)
        _when_ready(chip._plug_in, path, board["patience_ms"])
        setattr(sys.modules["machine"], bus.upper(), getattr(chip, bus.upper()))


def _configure(board):
    import esp32
    import machine

    sys.modules["gc"].patience = board["gc_patience"]
    sys.modules["gc"].report_s = board["report_heap_s"]
    charges = board["charges"]
    chip_charges.erase_block_us = charges["erase_block_us"]
    chip_charges.program_page_us = charges["program_page_us"]
    chip_charges.crypto_slice_us = charges["crypto_slice_us"]
    chip_uart._paced = board["paced"]
    chip_uart._devices.update((int(id), path) for id, path in board["uarts"].items())
    machine._reset_cause = board["reset_cause"]
    machine._unique_id = bytes(board["unique_id"])
    if board["counters"]:  # in Python they are larger than on a chip, so few boards have them
        esp32.PCNT = __import__("chip_pcnt").PCNT
    esp32._path = board["nvs"]
    esp32._outside = vfs.VfsPosix()


def _add_radio(down_file):
    """A radio whose network is there while `down_file` is not; sockets are the machine's."""
    import network

    network._down_file = down_file
    network._outside = vfs.VfsPosix()
    sys.modules["network"] = network


def _add_bluetooth(board):
    """A BLE radio in the air at that socket; few boards have one, so only theirs load it."""
    bluetooth = __import__("bluetooth")
    bluetooth._path = board["ble"]
    bluetooth._unique_id = bytes(board["unique_id"])
    sys.modules["bluetooth"] = bluetooth


def _mount(board, image):
    """The flash at "/", formatted if it is new; the firmware read-only at "/rom"."""
    if not chip_host.lock(image.fileno()):
        print("boot: another process runs this board's flash")
        chip_host.leave(chip_host.EXIT_FLASH_BUSY)
    flash = chip_flash.Flash(image)
    rom = vfs.VfsPosix(board["rom"])
    vfs.umount("/")
    try:
        vfs.mount(vfs.VfsLfs2(flash), "/")
    except OSError:
        if not flash.is_blank():
            print("boot: the filesystem appears to be corrupted")
            chip_host.leave(chip_host.EXIT_FLASH_CORRUPT)
        vfs.VfsLfs2.mkfs(flash)
        vfs.mount(vfs.VfsLfs2(flash), "/")
    vfs.mount(rom, "/rom", readonly=True)
    sys.path[:] = [".frozen", "/rom", "/rom/shared", "", "/lib"]


def _hold_back(firmware_bytes):
    """Take all of the heap but what the firmware has on a chip: the emulation is no part of it.

    The rest is measured where it is taken, so it depends on no path and on no module of ours.
    """
    gc.collect()
    return bytearray(gc.mem_free() - firmware_bytes - _WIRES_BYTES)


def _main_path():
    for path in ("/main.py", "/rom/main.py"):
        try:
            open(path).close()
            return path
        except OSError:
            pass
    raise OSError("no main.py on the flash or in the firmware")


def _compiled(name, source):
    """A chip compiles a file as it reads it: nothing but this holds its text."""
    if source is None:
        with open(name) as file:
            source = file.read()
    return compile(source, name, "exec")


def _run(name, source=None):
    """As a chip does: an exception that main.py lets out ends at the prompt, not in a reset."""
    try:
        exec(_compiled(name, source), {"__name__": "__main__"})
    except SystemExit:
        return chip_host.EXIT_SOFT_RESET
    except BaseException as error:
        sys.print_exception(error)
        return chip_host.EXIT_EXCEPTION
    return chip_host.EXIT_RETURNED


def _boot(config_path, code):
    with open(config_path) as file:
        board = json.load(file)
    image = open(board["flash_image"], "r+b")
    _replace_modules()
    _configure(board)
    if board["network"] is not None:
        _add_radio(board["network"])
    if board["ble"] is not None:
        _add_bluetooth(board)
    mains = None if code else _plug_in(board)  # noqa: F841  (held open)
    if code is None:
        for device in board["uarts"].values():
            _when_ready(chip_host.open_tty, device, board["patience_ms"]).close()
        _plug_in_chip(board, "spi")
        _plug_in_chip(board, "i2c")
    if len(sys.argv) > 2:
        # Before the path is the board's; only at a cable, since a running board's heap is measured.
        repl = __import__("chip_repl")
    _mount(board, image)
    if sys.argv[2:3] == ["--console"]:
        held = _hold_back(board["heap_bytes"])
        repl.console(json.loads(sys.argv[3]), _main_path, _run)
    charged = code is None and chip_charges.crypto_slice_us
    held = _hold_back(board["heap_bytes"] + (_SLICES_BYTES if charged else 0))  # noqa: F841
    if charged:
        chip_charges.charge_generators("crypto.ed25519")
    name = "<cable>" if code else _main_path()
    gc.collect()
    chip_host.leave(_run(name, code))


def _cable():
    """What a programmer's cable would send, from a file: long arguments end the interpreter."""
    if len(sys.argv) < 3 or sys.argv[2] == "--console":
        return None
    with open(sys.argv[2]) as file:
        return file.read()


_boot(sys.argv[1], _cable())
