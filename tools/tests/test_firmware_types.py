"""The firmware against the published stubs of MicroPython on ESP32: types, and each hardware call.

What the emulator offers in the chip's place is held to the same stubs, so that firmware which runs
here asks a real chip for nothing that it lacks.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent / "firmware_types"
ROOT = HERE.parents[2]
FIRMWARE = ROOT / "firmware"
CHIP = ROOT / "tools" / "truewatt" / "emulator" / "chip"
sys.path.insert(0, str(HERE))

import esp32_stubs  # noqa: E402
from hardware_calls import MODULES, uses_in  # noqa: E402

pytestmark = pytest.mark.skipif(
    not esp32_stubs.installed(), reason="micropython-esp32-stubs is not installed: tools/setup"
)

# The stubs are checked by their authors; we only read them.
CONFIG = """[mypy]
plugins = {plugin}
custom_typeshed_dir = {typeshed}
mypy_path = {firmware}:{firmware}/shared:{modules}
explicit_package_bases = true
namespace_packages = true
no_site_packages = true
check_untyped_defs = true
strict_bytes = false
strict_optional = false
# Attributes that are None until they are given something.
disable_error_code = assignment, var-annotated, no-redef
cache_dir = {cache}
[mypy-bluetooth,machine,network,math,vfs,_mpy_shed.*]
ignore_errors = true
"""


def sources() -> list[Path]:
    """What boards run."""
    return sorted(path for path in FIRMWARE.rglob("*.py") if "tests" not in path.parts)


def mypy(tmp_path: Path, *paths: Path) -> "subprocess.CompletedProcess[str]":
    modules, typeshed = esp32_stubs.lay_out(tmp_path / "stubs")
    config = tmp_path / "mypy.ini"
    config.write_text(
        CONFIG.format(
            plugin=HERE / "mypy_boards.py",
            typeshed=typeshed,
            modules=modules,
            firmware=FIRMWARE,
            cache=tmp_path / "cache",
        )
    )
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(config), *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=110,
        cwd=FIRMWARE,
    )


def test_the_firmware_has_the_types_of_the_stubs(tmp_path: Path) -> None:
    done = mypy(tmp_path, *sources())
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("machine.Pin(1).hight()", "attr-defined"),
        ("machine.UART(1, speed=9600)", "call-overload"),
        ("import dataclasses", "import-not-found"),
    ],
)
def test_the_check_of_types_can_fail(tmp_path: Path, line: str, fault: str) -> None:
    source = tmp_path / "wrong.py"
    source.write_text(f"import machine\n{line}\n")
    assert f"[{fault}]" in mypy(tmp_path, source).stdout


def missing(source: str) -> list[str]:
    """Uses of the chip's modules that the stubs have not, as `line: what`."""
    faults = []
    for use in uses_in(source):
        members = esp32_stubs.module(use.path[0])
        assert members is not None, f"boards have no module {use.path[0]}"
        name = ".".join(use.path)
        for part in use.path[1:-1]:
            members = members and members.classes.get(part)
        if members is None:
            continue  # a value's own attribute: a buffer, a tuple
        if use.path[-1] not in members.names:
            faults.append(f"{use.line}: {name}")
        elif use.call is not None:
            ways = members.calls(use.path[-1])
            if ways and not any(way.takes(use.call[0], set(use.call[1])) for way in ways):
                faults.append(f"{use.line}: {name}{use.call}")
    return faults


def test_every_call_of_the_chips_modules_is_in_the_stubs() -> None:
    found: dict[str, int] = {}
    for path in sources():
        source = path.read_text(encoding="utf-8")
        assert missing(source) == [], path
        for use in uses_in(source):
            found[".".join(use.path)] = use.line
    # The walk sees what it is there to see, also through the objects that are handed in.
    assert {
        "machine.reset_cause",
        "machine.Pin.OUT",
        "machine.UART.any",
        "machine.SPI.write_readinto",
        "machine.WDT.feed",
        "esp32.NVS.set_blob",
        "esp32.Partition.find",
        "esp32.Partition.ioctl",
        "bluetooth.UUID",
        "bluetooth.BLE.irq",
        "network.WLAN.IF_STA",
        "network.WLAN.isconnected",
    } <= set(found)


@pytest.mark.parametrize(
    "wrong",
    [
        "import machine\nmachine.restart()",
        "import machine as m\nm.Pin(1, m.Pin.OUTPUT)",
        "from machine import Pin as P\nled = P(1)\nled.blink()",
        "from esp32 import Nvs",
        "import network\nnetwork.WLAN(network.WLAN.IF_STA).join('x')",
        "class A:\n  def f(self): self._uart.readable()",
        "class A:\n  def f(self): self._bluetooth.Uuid(1)",
        "def f(bluetooth):\n  ble, uuid = bluetooth.BLE(), bluetooth.UUID\n  uuid(1, 2)",
        "from esp32 import Partition\nfor p in Partition.find(label='nvs'): p.erase(0)",
        "import esp32\nfor p in esp32.Partition.find(0): p.ioctl(1, 2, 3)",
        "import machine\nmachine.WDT(0, 1, 2)",
        "import machine\nmachine.Pin(1, direction=3)",
    ],
)
def test_the_walk_can_fail(wrong: str) -> None:
    assert missing(wrong)


def emulated() -> list[str]:
    return sorted(path.stem for path in CHIP.glob("*.py") if esp32_stubs.module(path.stem))


def functions(name: str) -> list[tuple[str, ast.FunctionDef]]:
    """(class or "", function) of what is public in an emulated module, imported parts included."""
    found = []
    tree = ast.parse((CHIP / f"{name}.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("chip_"):
            wanted = {alias.asname or alias.name for alias in node.names}
            found += [(of, f) for of, f in functions(node.module) if (of or f.name) in wanted]
        elif isinstance(node, ast.FunctionDef) and node.name[0] != "_":
            found.append(("", node))
        elif isinstance(node, ast.ClassDef) and node.name[0] != "_":
            methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
            found += [(node.name, n) for n in methods if n.name == "__init__" or n.name[0] != "_"]
    return found


@pytest.mark.parametrize("name", emulated())
def test_the_emulation_takes_no_argument_that_a_chip_does_not(name: str) -> None:
    stub = esp32_stubs.module(name)
    assert stub is not None
    seen = 0
    for of, function in functions(name):
        members = stub.classes[of] if of else stub
        if function.name == "ioctl" and "ioctl" not in members.names:
            continue  # of the stream protocol, which every port's UART has
        ours = esp32_stubs.Signature(function, bool(of))
        ways = members.calls(function.name)
        count = max((len(way.positional) for way in ways), default=0)
        names = set().union(*(way.names for way in ways))
        where = f"{name}.{of}.{function.name}"
        assert any(way.any_count for way in ways) or len(ours.positional) <= count, where
        only_by_name = {arg.arg for arg in function.args.kwonlyargs}
        assert any(way.any_name for way in ways) or only_by_name <= names, where
        # A constructor hands the rest on to `init`, which is looked at too.
        if function.name != "__init__":
            assert not ours.any_name or any(way.any_name for way in ways), where
        seen += 1
    assert seen, "the walk saw nothing"


def test_the_walk_of_the_emulation_sees_what_is_there() -> None:
    assert {"machine", "network", "esp32", "time", "select"} <= set(emulated())
    assert set(MODULES) >= {"machine", "network", "esp32"}
    assert ("UART", "read") in [(of, f.name) for of, f in functions("machine")]
