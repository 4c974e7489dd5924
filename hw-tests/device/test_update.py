"""Signed releases over the cable with the real mpremote: taken, tried, kept or rolled back."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from release_shop import CHAIN, Shop, events, install, meter

from truewatt.device import image, release, slots, update
from truewatt.device.errors import (
    BadReleaseFile,
    BadSignature,
    CableLost,
    ForeignImage,
    HalfImage,
    NoRoom,
    NotProvisioned,
    OldImage,
    RolledBack,
)
from truewatt.device.link import attached
from truewatt.device.release import Signer
from wireformat import codes

CRASHES = b'raise ValueError("new and bad")\n'
Desks = Callable[..., Any]


def console(made: Any) -> str:
    return (made.board.directory / "console.log").read_text(errors="replace")


def test_a_release_is_sent_tried_and_kept(
    meter_desk: Any, shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    made = meter_desk
    offered = shop.build(2, {"drivers/new_chip.py": b"#" * 5000})
    capsys.readouterr()
    assert made.device("update", str(offered)) == 0
    said = capsys.readouterr()
    assert "confirmed  0.2.0" in said.out
    # Only what is new came over the cable.
    assert "5000 bytes in" in said.err
    assert made.device("info") == 0
    info = capsys.readouterr().out
    assert "0.2.0 build" in info
    assert "slot       /b, roll-back index 2, signed release" in info
    assert events(made) == [(codes.EV_UPDATED, [2])]
    with pytest.raises(OldImage, match="roll-back index 1, at least 2"):
        made.device("update", str(shop.build(1)))
    # The next one goes to the other slot.
    assert made.device("update", str(shop.build(2, version="0.2.1")), "--no-wait") == 0
    assert "goes to slot /a, /b stays" in capsys.readouterr().err


def test_what_is_not_for_this_board_is_refused_by_name(
    meter_desk: Any, shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = meter_desk
    whole = shop.build(2)
    cases = [
        (shop.build(3, signer=replace(shop.signer, seed=bytes(32))), BadSignature, "reason 2"),
        (shop.build(4, signer=Signer(bytes(32), CHAIN)), BadSignature, "no release key"),
        (
            shop.build(5, signer=replace(shop.signer, chain_id="other")),
            BadSignature,
            "not signed by",
        ),
        (shop.build(6, role=codes.MLMD), ForeignImage, "role 2, this board's is 1"),
        (shop.build(7, chip="ESP32C3"), ForeignImage, "ESP32C3, this board is an EMULATED"),
        (shop.build(8, {shop.native()[0]: shop.for_rv32()}), ForeignImage, "machine code"),
        (shop.build(9, micropython=(1, 99, 0)), ForeignImage, r"MicroPython 1\.99\.0"),
    ]
    for path, error, words in cases:
        with pytest.raises(error, match=words):
            made.device("update", str(path))
    altered = tmp_path / "altered.tw"
    data = bytearray(whole.read_bytes())
    data[-1] ^= 1
    altered.write_bytes(data)
    for bad in (altered, tmp_path / "none.tw", Path(__file__)):
        with pytest.raises(BadReleaseFile):
            made.device("update", str(bad))
    offered = release.load(whole)
    lying = replace(offered, files=offered.files | {"main.py": b"import os"})
    changed = replace(lying, record=offered.record)
    with attached(str(made.port)) as link:
        link.require()
        on = slots.use(link)
        link.run(f"os.remove('{on.folder}/main.py')")
        with pytest.raises(HalfImage, match=r"not what was signed; at /b/main\.py"):
            update.update(link, changed, lambda _: None, lambda *_: None)
        assert slots.read(link).whole == (True, False)
        assert not slots.read(link).on_trial


def test_firmware_that_crashes_is_rolled_back_and_said_so(
    meter_desk: Any, shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    made = meter_desk
    with pytest.raises(RolledBack, match=f"reason {codes.RB_CRASH}"):
        made.device("update", str(shop.build(2, {"main.py": CRASHES})))
    assert "ValueError: new and bad" in console(made)
    made.device("logs", "--seconds", "4")
    assert made.device("info") == 0
    assert "slot       /a, roll-back index 1, flashed" in capsys.readouterr().out
    assert events(made) == [(codes.EV_ROLLED_BACK, [2, codes.RB_CRASH])]


def test_a_pulled_cable_leaves_what_runs_and_the_update_resumes(
    meter_desk: Any, shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    made = meter_desk
    changed = {f"drivers/new_{n}.py": bytes([65 + n]) * 5000 for n in range(3)}
    path = str(shop.build(2, changed))
    made.console.pull_after(22_000)
    with pytest.raises(CableLost, match="resumes"):
        made.device("update", path)
    made.console.wait_until_pulled()
    made.console.plug()
    assert made.device("info") == 0
    assert "slot       /a" in capsys.readouterr().out
    assert made.device("update", path) == 0
    said = capsys.readouterr()
    assert "confirmed  0.2.0" in said.out
    assert 5000 <= int(said.err.split(" bytes in ")[0].split()[-1]) <= 10000


def test_an_update_never_takes_the_journals_room(
    desk: Desks, shop: Shop, meter_image: image.Image
) -> None:
    config = meter(journal_kib=1536)
    made = desk(prepare=lambda board: install(board, meter_image, config))
    with pytest.raises(NoRoom, match="KiB are needed"):
        made.device("update", str(shop.build(2)))
    assert made.device("info") == 0


def test_a_board_without_an_operator_takes_no_release(
    desk: Desks, shop: Shop, meter_image: image.Image
) -> None:
    made = desk(prepare=lambda board: install(board, meter_image, None))
    with pytest.raises(NotProvisioned, match="knows no operator"):
        made.device("update", str(shop.build(2)))
