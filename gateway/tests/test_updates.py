"""Releases that a gateway brings to boards on a PTY, beside records and commands."""

import hashlib
import json

import pytest

from gateway.collect.errors import FrameLost
from gateway.tests.signing import CHAIN
from gateway.tests.site import filled, run
from gateway.updates.errors import BadReleaseFile
from gateway.updates.queue import enqueue, progress_path, read_progress, release_path
from gateway.updates.release_file import MAGIC, read
from ledger.setup import seal
from truewatt.hostile.mutation import mutants
from wireformat import cbor, codes
from wireformat.listing import pack_entry
from wireformat.release import Release

FILES = {"core/gate.mpy": bytes(range(256)) * 9, "main.py": b"print()", "small.mpy": b""}
SEED = bytes([5]) * 32


def release(files=FILES):
    listing = b"".join(
        pack_entry(path, len(data), hashlib.sha256(data).digest()) for path, data in files.items()
    )
    record = Release(
        version="0.2.0",
        index=2,
        role=1,
        chip="ESP32",
        mpy=1,
        micropython=[1, 25, 0],
        files=len(files),
        size=sum(map(len, files.values())),
        listing=hashlib.sha256(listing).digest(),
    )
    parts = [MAGIC, b"", seal(record, SEED, CHAIN), listing, *files.values()]
    return b"".join(map(cbor.encode, parts))


async def commanded(site, meter, data):
    """Frames of the release may push out what became of it: the relay tells then."""
    try:
        await site.collector.command(meter.address, data)
    except FrameLost:
        await site.until(lambda: meter.relays[0] == 0)


def progress(site):
    return json.loads(progress_path(site.folder / "updates", "d1").read_text())


def test_a_board_gets_what_it_wants_and_its_records_go_on(tmp_path):
    async def scenario(site):
        meter = filled(site, 1, 40)
        site.enrol(meter)
        meter.wants, meter.spoil_first = [0, 1, 3], True
        enqueue(site.folder / "updates", "d1", release())
        site.start({1: meter})
        _, data = site.command(meter)
        await site.until(lambda: meter.received)
        await commanded(site, meter, data)
        assert meter.relays[0] == 0
        await site.until(lambda: progress(site)["state"] == "done")
        offered = read(release(), "here")
        assert meter.received == {0: offered.listing, 1: FILES["core/gate.mpy"], 3: b""}
        assert not release_path(site.folder / "updates", "d1").exists()
        await site.until(lambda: meter.acked >= (1, 39))

    run(tmp_path, scenario)


def test_a_refusal_ends_it_by_name_and_the_board_stays_in_service(tmp_path):
    async def scenario(site):
        meter = filled(site, 1)
        site.enrol(meter)
        meter.release_reason = codes.R_OLD_IMAGE
        enqueue(site.folder / "updates", "d1", release())
        site.start({1: meter})
        await site.until(lambda: progress(site)["state"] == "failed")
        assert "old image" in progress(site)["what"]
        await site.until(lambda: meter.acked == (1, 4))

    run(tmp_path, scenario)


def test_a_board_that_rolled_back_is_told_as_failed(tmp_path):
    async def scenario(site):
        meter = filled(site, 1)
        site.enrol(meter)
        meter.wants, meter.ends_in = [1], codes.UP_ARMED
        enqueue(site.folder / "updates", "d1", release())
        site.start({1: meter})
        await site.until(lambda: progress(site)["state"] == "armed")
        meter.update = codes.UP_FAILED << 8 | codes.R_ROLLED_BACK
        await site.until(lambda: progress(site)["state"] == "failed")
        assert "rolled back" in progress(site)["what"]

    run(tmp_path, scenario)


def test_a_site_is_updated_one_board_first_and_stops_at_the_first_that_fails(tmp_path):
    async def scenario(site):
        meters = [filled(site, number, 3) for number in (1, 2, 3, 4)]
        names = ["d1", "d2", "d3", "d4"]
        for meter in meters:
            site.enrol(meter)
            meter.wants = [1]
        first, second, third, fourth = meters
        first.ends_in = codes.UP_TRIAL
        third.ends_in = codes.UP_TRIAL
        for at, name in enumerate(names):
            enqueue(site.folder / "updates", name, release(), names[:at], 2)
        state = lambda name: read_progress(site.folder / "updates", name)["state"]  # noqa: E731
        site.start(dict(enumerate(meters, 1)))
        # The first alone, as long as it is on trial; then two at a time.
        await site.until(lambda: state("d1") == "trial")
        await site.until(lambda: all(meter.acked == (1, 2) for meter in meters))
        assert not second.received | third.received | fourth.received
        first.update = codes.UP_RUNS << 8
        await site.until(lambda: state("d2") == "done")
        await site.until(lambda: state("d3") == "trial")
        third.update = codes.UP_FAILED << 8 | codes.R_ROLLED_BACK
        await site.until(lambda: state("d3") == "failed")
        assert state("d1") == "done"

    run(tmp_path, scenario)


def test_who_comes_after_a_board_that_failed_is_not_begun(tmp_path):
    async def scenario(site):
        meters = [filled(site, number, 3) for number in (1, 2, 3)]
        for meter in meters:
            site.enrol(meter)
            meter.wants = [1]
        meters[1].wants, meters[1].ends_in = [1], codes.UP_ARMED
        names = ["d1", "d2", "d3"]
        for at, name in enumerate(names):
            enqueue(site.folder / "updates", name, release(), names[:at])
        facts = lambda name: read_progress(site.folder / "updates", name)  # noqa: E731
        site.start(dict(enumerate(meters, 1)))
        await site.until(lambda: facts("d2")["state"] == "armed")
        meters[1].update = codes.UP_FAILED << 8 | codes.R_ROLLED_BACK
        await site.until(lambda: facts("d3")["state"] == "failed")
        assert "rolled back" in facts("d2")["what"]
        assert (facts("d3")["error"], meters[2].received) == ("stopped", {})
        assert "d2 did not take it" in facts("d3")["what"]
        assert not release_path(site.folder / "updates", "d3").exists()

    run(tmp_path, scenario)


@pytest.mark.parametrize("spoil", [0, 5, 200, -1])
def test_an_altered_file_is_no_release(spoil):
    data = bytearray(release())
    data[spoil] ^= 1
    with pytest.raises(BadReleaseFile):
        read(bytes(data), "here")
    with pytest.raises(BadReleaseFile):
        read(release()[:-1], "here")
    with pytest.raises(BadReleaseFile):
        read(release() + b"\0", "here")


def test_no_mutant_of_a_release_has_other_files():
    believed = 0
    for data in mutants([release()], 4000, seed=13):
        try:
            found = read(data, "here")
        except BadReleaseFile:
            continue
        # Certificate and signature are the board's to judge; the hashes hold everything else.
        believed += found.files != FILES and found.signed == read(release(), "here").signed
    assert not believed
