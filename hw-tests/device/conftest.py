"""Boards at an emulated cable, and the command line that a person uses on them."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from truewatt.device import image, profiles
from truewatt.device.cli import main
from truewatt.emulator.board import NO_CHARGES, BoardSpec, EmulatedBoard
from truewatt.emulator.wires.console import Console
from truewatt.emulator.wires.tty import Tty
from truewatt.mpybuild import native_march

sys.path.insert(0, str(Path(__file__).resolve().parent))

from release_shop import CHAIN, ROOT_KEY, Shop


@dataclass
class Desk:
    """A board on a desk, its cable, and what the person there types."""

    console: Console
    board: EmulatedBoard
    port: Path
    profile: Path
    out: Path
    bus: Tty

    def device(self, command: str, *options: str) -> int:
        return main([command, "--port", str(self.port), *options])

    def flash(self, *options: str) -> int:
        return self.device("flash", "--board", str(self.profile), *options)

    def provision(self, *options: str, role: str = "meter", name: str = "m1") -> int:
        who = ["--board", str(self.profile), "--role", role, "--name", name]
        whose = ["--chain-id", CHAIN, "--area", "1", "--operator-root", ROOT_KEY]
        way = [] if {"--wifi", "--ble"} & set(options) else ["--address", "11"]
        return self.device("provision", *who, *whose, *way, "--out", str(self.out), *options)


@pytest.fixture(scope="session")
def march(micropython_32bit: list[str]) -> str:
    """What machine code emulated boards load here."""
    return native_march(micropython_32bit)


@pytest.fixture
def desk(tmp_path: Path, march: str) -> Iterator[Callable[..., Desk]]:
    """Return a function that plugs in a new board, which says it is `machine` with `version`."""
    desks: list[tuple[Desk, list[Tty]]] = []

    def plug(
        machine: str = "",
        version: tuple[int, int, int] = (1, 25, 0),
        baud: int | None = None,
        radio: bool = True,
        speed: int = 1,
        spi: Path | None = None,
        ble: Path | None = None,
        prepare: Callable[[EmulatedBoard], object] = lambda board: None,
    ) -> Desk:
        folder = tmp_path / str(len(desks))
        (folder / "nothing").mkdir(parents=True)
        profile = folder / "emulated.toml"
        profile.write_text(
            f'title = "Emulated board"\nchip = "emulated-{march}"\nsource = "this file"\n'
            "relays = [26, 27]\n[bus]\nuart = 1\n[metering]\nuart = 2\n[spi]\nspi = 1\ncs = 5\n"
        )
        lines = [Tty(folder / name) for name in ("uart1", "uart2")]
        spec = BoardSpec(
            "m1",
            lines[0].path,
            lines[1].path,
            arch="32bit",
            radio=radio,
            charges=NO_CHARGES,
            spi=spi,
            ble=ble,
            # Nothing frozen: what runs is what was flashed.
            firmware=folder / "nothing",
        )
        board = EmulatedBoard(folder / "board", spec, {"TRUEWATT_CLOCK": f"0:0:{speed}"})
        prepare(board)
        says = machine or f"Emulated board with EMULATED-{march}"
        console = Console(board, folder / "usb", says, version, baud)
        console.plug()
        made = Desk(console, board, folder / "usb", profile, folder / "out", lines[0])
        desks.append((made, lines))
        return made

    yield plug
    for made, lines in desks:
        made.console.pull()
        for line in lines:
            line.close()


@pytest.fixture
def on_chip(tmp_path: Path) -> Callable[[str], str]:
    """Return a function that runs code beside the firmware on an emulated board."""
    board = EmulatedBoard(tmp_path / "chip", BoardSpec("m1", arch="32bit", charges=NO_CHARGES))
    return board.execute


@pytest.fixture(scope="session")
def meter_image(march: str, tmp_path_factory: pytest.TempPathFactory) -> image.Image:
    profile = tmp_path_factory.mktemp("profile") / "emulated.toml"
    profile.write_text(f'title = "t"\nchip = "emulated-{march}"\nsource = "s"\n[bus]\nuart = 1\n')
    return image.build(profiles.load(str(profile)), "meter")


@pytest.fixture
def shop(meter_image: image.Image, tmp_path: Path) -> Shop:
    return Shop(meter_image, tmp_path)


@pytest.fixture
def meter_desk(desk: Callable[..., Desk], shop: Shop) -> Any:
    """A provisioned meter at a cable, simulated time at x60."""
    return desk(speed=60, prepare=shop.install)
