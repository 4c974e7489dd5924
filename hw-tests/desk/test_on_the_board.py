"""What a board can tell of itself at its cable: its own flash, NVS, random numbers, time, heap.

The same tests for an emulated board and, with `--device PORT`, for a real one. What is printed
(`-s` or `-rP` shows it) is what only silicon can tell; docs/firmware.md has the estimates.
"""

import time
from pathlib import Path

import pytest
from cabled import CabledBoard
from nacl.signing import VerifyKey

from truewatt.device.link import attached

HERE = Path(__file__).resolve().parent
pytestmark = [pytest.mark.device, pytest.mark.slow, pytest.mark.timeout(240)]


def words(said: str) -> dict[str, str]:
    """Lines of a name and a value."""
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)


def test_the_journal_lasts_on_the_boards_own_flash(cabled: CabledBoard) -> None:
    script = HERE.parent / "firmware" / "own_flash.py"
    cabled.run(script, "clean")  # what a run left that was killed
    try:
        assert cabled.run(script, "write").split() == ["records", "20", "epoch", "1"]
        # A fresh interpreter: what is there now was on flash.
        said = cabled.run(script, "read").splitlines()
        assert said[0].strip() == "found 20 epoch 2"
        assert any("evicted" in line for line in said[1:-1]), "the log says so"
        assert said[-1].strip() == "after True evicted True"
    finally:
        assert cabled.run(script, "clean").split() == ["clean", "True"]


def test_what_it_signs_libsodium_verifies(cabled: CabledBoard) -> None:
    said = words(cabled.run(HERE / "own_chip.py"))
    VerifyKey(bytes.fromhex(said["public"])).verify(
        b"truewatt on this chip", bytes.fromhex(said["signature"])
    )
    print(f"sign {said['sign_ms']} ms (estimate 24-32), verify {said['verify_ms']} ms (75-107)")
    print(f"heap free with the crypto modules loaded: {said['heap_free']} bytes")
    assert float(said["sign_ms"]) > 0
    assert int(said["heap_free"]) > 20_000


def test_its_ticks_are_milliseconds(cabled: CabledBoard) -> None:
    cabled.load([])
    with attached(cabled.port) as link:
        ask = "import time;print(time.ticks_ms())"
        began_s, began_ms = time.monotonic(), int(link.run(ask))
        time.sleep(5)
        took_s, took_ms = time.monotonic() - began_s, int(link.run(ask)) - began_ms
    took_ms %= 1 << 30  # MicroPython's ticks wrap there
    print(f"{took_ms} ticks in {took_s * 1000:.0f} ms")
    # What a question takes is in it: this tells a wrong unit or clock, drift only over hours.
    assert took_ms / 1000 == pytest.approx(took_s, rel=0.2)
