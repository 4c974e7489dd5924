"""What ends a board, what it remembers, and what it offers to the firmware."""

import ast
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from truewatt.emulator.board import BoardError, ExitReason
from truewatt.toolchain import micropython

COUNT_BOOTS = """
import esp32, machine
nvs = esp32.NVS("test")
try:
    boots = nvs.get_i32("boots")
except OSError as error:
    print(error.args)
    boots = 0
nvs.set_i32("boots", boots + 1)
nvs.commit()
print("boot", boots, machine.reset_cause())
"""


def end_of(board, timeout_s: float = 30.0) -> ExitReason:
    board.start()
    board.wait(timeout_s)
    return board.exit_reason


def test_reset_ends_at_once_and_is_told_apart(make_board: Callable) -> None:
    board = make_board(
        COUNT_BOOTS + "try:\n    machine.reset()\nfinally:\n    print('not on a chip')\n"
    )
    assert end_of(board) is ExitReason.RESET
    assert end_of(board) is ExitReason.RESET
    said = board.log_path.read_text()
    assert "-4354, 'ESP_ERR_NVS_NOT_FOUND'" in said
    assert "boot 0 1" in said
    assert "boot 1 2" in said, "the second boot follows a hard reset"
    assert "not on a chip" not in said


def test_watchdog_bites_firmware_that_hangs(make_board: Callable, wait_until: Callable) -> None:
    # The floor of 5 s real time is what this waits for.
    board = make_board(COUNT_BOOTS + "machine.WDT(timeout=1000)\nwhile True: pass\n", 60)
    assert end_of(board) is ExitReason.WATCHDOG
    board.start()
    wait_until(lambda: "boot 1 3" in board.log_path.read_text(), "a boot after the watchdog's bite")
    assert board.exit_reason is None


def test_an_exception_ends_at_the_prompt_not_in_a_reset(make_board: Callable) -> None:
    board = make_board("raise ValueError('seen')")
    assert end_of(board) is ExitReason.EXCEPTION
    assert "ValueError: seen" in board.log_path.read_text()


def test_stop_and_kill_are_told_apart(make_board: Callable, wait_until: Callable) -> None:
    board = make_board("import time\nprint('up')\nwhile True: time.sleep(1)")
    for end, reason in ((board.stop, ExitReason.STOPPED), (board.kill, ExitReason.POWER_CUT)):
        board.log_path.unlink(missing_ok=True)
        board.start()
        wait_until(lambda: board.log_path.read_text() == "up\n", "the board")
        end()
        assert board.exit_reason is reason


def test_two_processes_never_share_a_flash(make_board: Callable, wait_until: Callable) -> None:
    board = make_board("import time\nprint('up')\nwhile True: time.sleep(1)")
    board.start()
    wait_until(lambda: "up" in board.log_path.read_text(), "the board")
    with pytest.raises(BoardError, match="FLASH_BUSY"):
        board.execute("print(1)")


def test_a_corrupt_filesystem_is_not_formatted_away(make_board: Callable) -> None:
    board = make_board("")
    board.execute("open('/x', 'w').close()")
    image = bytearray(board.flash_image.read_bytes())
    image[: 2 * 4096] = b"\x5a" * (2 * 4096)
    board.flash_image.write_bytes(image)
    assert end_of(board) is ExitReason.FLASH_CORRUPT


def test_flash_is_the_root_and_the_host_is_out_of_reach(make_board: Callable) -> None:
    board = make_board("")
    said = board.execute(
        "import os\n"
        "print(sorted(os.listdir('/')), os.statvfs('/')[:3])\n"
        "for path in ('/etc/passwd', '/rom/new'):\n"
        "    try: open(path, 'a')\n"
        "    except OSError as error: print(error.args[0])\n"
    )
    assert said.splitlines() == ["['rom'] (4096, 4096, 512)", "2", "30"]


def test_the_firmware_has_the_heap_that_the_spec_says(make_board: Callable) -> None:
    measure = "import gc, asyncio, select, time, os; gc.collect(); print(gc.mem_free())"
    board = make_board(measure, heap_kib=100)
    assert end_of(board) is ExitReason.RETURNED
    bare = subprocess.run(
        [*micropython("32bit"), "-X", "heapsize=100k", "-c", measure],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    more = int(board.log_path.read_text()) - int(bare.stdout)
    # The reserve is for names and wires that come later (board.py).
    assert 0 <= more <= 13 * 1024


def test_nvs_has_the_limits_of_a_chips(make_board: Callable) -> None:
    said = make_board("").execute(
        "import esp32\n"
        "nvs = esp32.NVS('n')\n"
        "def attempt(action, *args):\n"
        "    try: print(action(*args))\n"
        "    except Exception as error: print(type(error).__name__, error.args[-1])\n"
        "attempt(nvs.set_i32, 'k' * 16, 1)\n"
        "attempt(nvs.set_i32, 'k', 1 << 31)\n"
        "attempt(nvs.set_blob, 'b', bytes(9000))\n"
        "attempt(nvs.set_blob, 'b', bytes(12100))\n"
        "nvs.set_blob('c', b'12345678'); buffer = bytearray(8)\n"
        "print(nvs.get_blob('c', buffer), bytes(buffer))\n"
        "attempt(nvs.get_blob, 'c', bytearray(7))\n"
        "attempt(nvs.get_i32, 'c')\n"
        "nvs.erase_key('c'); attempt(nvs.erase_key, 'c')\n"
    )
    assert said.splitlines() == [
        "OSError ESP_ERR_NVS_KEY_TOO_LONG",
        "OverflowError value does not fit 32 bits",
        "None",
        "OSError ESP_ERR_NVS_NOT_ENOUGH_SPACE",
        "8 b'12345678'",
        "OSError ESP_ERR_NVS_INVALID_LENGTH",
        "OSError ESP_ERR_NVS_NOT_FOUND",
        "OSError ESP_ERR_NVS_NOT_FOUND",
    ]


def stub_names(module: str) -> tuple[set[str], dict[str, set[str]]]:
    """Names that the ESP32 stubs define in a module, and in each of its classes."""
    machine = pytest.importorskip("mypy").__file__
    path = Path(machine).parents[1] / f"{module}.pyi"
    if not path.exists():
        pytest.skip(f"no {module}.pyi: micropython-esp32-stubs is not installed")
    tree = ast.parse(path.read_text())
    classes = {n.name: defined(n.body) for n in tree.body if isinstance(n, ast.ClassDef)}
    return defined(tree.body), classes


def defined(body: list[ast.stmt]) -> set[str]:
    names = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


@pytest.mark.parametrize("module", ["machine", "esp32", "time", "select", "network", "bluetooth"])
def test_nothing_is_offered_that_a_chip_lacks(make_board: Callable, module: str) -> None:
    names, classes = stub_names(module)
    # `ioctl` is of the stream protocol that every port's UART has.
    protocol = {"ioctl"}
    said = make_board("", radio=True, ble=Path("air")).execute(
        f"import {module}\n"
        f"for name in dir({module}):\n"
        "    if name[0] != '_':\n"
        f"        value = getattr({module}, name)\n"
        "        members = dir(value) if isinstance(value, type) else []\n"
        "        print(name, *[m for m in members if m[0] != '_'])\n"
    )
    offered = {words[0]: set(words[1:]) for words in map(str.split, said.splitlines())}
    assert offered, "the walk saw nothing"
    assert set(offered) <= names
    for name, members in offered.items():
        assert members <= classes.get(name, set()) | protocol
