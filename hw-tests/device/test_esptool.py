"""The real esptool, pinned, against emulated ROM loaders: erase, write, verify, wrong chips."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from truewatt.device import chips, esptool
from truewatt.device.errors import BadOption, EsptoolFailed, EsptoolMissing, WrongChip
from truewatt.emulator.wires.rom_loader import ROM_CHIPS, RomLoader

MakeChip = Callable[[str], RomLoader]
ERASE_FLASH, MD5 = 0xD0, 0x13


@pytest.fixture
def in_download_mode(tmp_path: Path) -> Iterator[MakeChip]:
    """Return a function that puts a chip into its ROM's download mode."""
    made: list[RomLoader] = []

    def make(name: str) -> RomLoader:
        made.append(RomLoader(ROM_CHIPS[name], tmp_path / f"tty-{name}"))
        return made[-1]

    yield make
    for loader in made:
        loader.close()


@pytest.fixture
def micropython_bin(tmp_path: Path) -> Path:
    """Something that looks like an image and compresses like one."""
    chance = random.Random(5)
    path = tmp_path / "micropython.bin"
    path.write_bytes(b"\xe9" + bytes(chance.choice(b"abcd") for _ in range(40_000)))
    return path


@pytest.mark.parametrize("name", ["esp32", "esp32c3"])
def test_a_chip_is_erased_written_and_verified(
    name: str,
    in_download_mode: MakeChip,
    micropython_bin: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    loader = in_download_mode(name)
    loader.flash[0x9000:0x9100] = bytes(0x100)
    chip = chips.CHIPS[name]
    esptool.erase_and_flash(str(loader.port), chip, micropython_bin, print)
    data = micropython_bin.read_bytes()
    at = chip.flash_offset
    assert loader.flash[at : at + len(data)] == data
    # What was there before is gone, the key in its NVS too.
    rest = loader.flash[:at] + loader.flash[at + len(data) :]
    assert set(rest) == {0xFF}
    assert {ERASE_FLASH, MD5} <= set(loader.commands)
    assert "Hash of data verified" in capfd.readouterr().err


@pytest.mark.parametrize(("there", "named"), [("esp32c3", "esp32"), ("esp32", "esp32c3")])
def test_a_wrong_chip_is_refused_by_name_and_stays_as_it_was(
    there: str, named: str, in_download_mode: MakeChip, micropython_bin: Path
) -> None:
    loader = in_download_mode(there)
    with pytest.raises(WrongChip, match="the chip is an ESP32"):
        esptool.erase_and_flash(str(loader.port), chips.CHIPS[named], micropython_bin, print)
    assert ERASE_FLASH not in loader.commands


def test_what_is_no_chip_and_no_image_and_no_network_have_names(
    tmp_path: Path, micropython_bin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chip = chips.CHIPS["esp32"]
    with pytest.raises(BadOption, match="no such file"):
        esptool.erase_and_flash("/dev/ttyUSB0", chip, tmp_path / "none.bin", print)
    with pytest.raises(EsptoolFailed, match="exit status"):
        esptool.erase_and_flash(str(tmp_path / "none"), chip, micropython_bin, print)
    monkeypatch.setenv("TRUEWATT_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EsptoolMissing, match="apt install esptool"):
        esptool.find(print)
