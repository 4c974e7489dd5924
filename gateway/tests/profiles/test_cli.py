"""The command line, over a real port, in a process of its own thread."""

import asyncio
import threading
from contextlib import contextmanager

import pytest

from gateway import cli
from gateway.collect.errors import NoReply
from gateway.profiles import find_profile
from gateway.profiles.errors import PortLost, Unconfirmed, UnknownProfile
from gateway.profiles.sample import sample
from gateway.tests.profiles.rigs import brisk, on_a_line, on_tcp
from truewatt.emulator.commercial import EmulatedMeter


@contextmanager
def served(open_rig):
    """Run a rig in a thread with its own loop; gives what the rig yields."""
    ready, stop, box = threading.Event(), [], []

    async def run():
        end = asyncio.Event()
        stop.append((asyncio.get_running_loop(), end))
        async with open_rig() as rig:
            box.append(rig)
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(10)
    try:
        yield box[0]
    finally:
        loop, end = stop[0]
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
        assert not thread.is_alive()


def meter(name, **changed):
    return EmulatedMeter(find_profile(name), 1, sample(find_profile(name)) | changed)


def test_profiles_lists_all_with_their_sources(capsys):
    assert cli.main(["profiles"]) == 0
    said = capsys.readouterr().out
    assert "sdm120           Eastron SDM120" in said
    assert "1: needs --unconfirmed" in said


def test_profiles_writes_the_pages(capsys, tmp_path):
    assert cli.main(["profiles", "--write-docs", str(tmp_path / "x")]) == 0
    assert (tmp_path / "x" / "pzem004t.md").is_file()


def test_read_prints_one_table(capsys, tmp_path):
    rig = meter("sdm120", current_ma=None, voltage_dv=2304)
    with served(lambda: on_a_line(tmp_path, rig)) as line:
        port = str(line.line.path)
        assert cli.main(["read", "--profile", "sdm120", "--port", port, "--address", "1"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Eastron SDM120"
    assert any(row.split() == ["voltage", "230.4", "V"] for row in said)
    assert any(row.split() == ["current", "not", "available"] for row in said)
    assert any(row.split() == ["frequency", "50.000", "Hz"] for row in said)


def test_read_leaves_out_what_one_source_says_unless_asked(capsys, tmp_path):
    with served(lambda: on_a_line(tmp_path, meter("em340"))) as line:
        common = ["read", "--profile", "em340", "--port", str(line.line.path)]
        assert cli.main(common) == 0
        assert "import_l1" not in capsys.readouterr().out
        assert cli.main([*common, "--unconfirmed"]) == 0
    assert "one source" in capsys.readouterr().out


def test_watch_repeats_and_goes_on_after_a_failure(capsys, tmp_path):
    rig = meter("pzem004t")
    with served(lambda: on_a_line(tmp_path, rig)) as line:
        line.garble = 2
        words = ["watch", "--profile", "pzem004t", "--port", str(line.line.path)]
        words += ["--every", "0.05", "--count", "3", "--timeout-ms", "200"]
        assert cli.main(words) == 1
    said = capsys.readouterr()
    assert said.out.count("Peacefair PZEM-004T v3") == 2
    assert "GarbledReply" in said.err


def test_identify_says_how_sure_it_is(capsys):
    profile = brisk("em24_ethernet")
    rig = EmulatedMeter(profile, 1, sample(profile))
    with served(lambda: on_tcp(rig)) as port:
        assert cli.main(["identify", "--port", port]) == 0
    said = capsys.readouterr().out
    assert "em24_ethernet    a register of the meter names this model" in said


def test_identify_of_nobody_fails_and_says_at_what_speed_it_tried(capsys, tmp_path):
    with served(lambda: on_a_line(tmp_path, meter("sdm120"))) as line:
        words = ["identify", "--port", str(line.line.path), "--address", "8-8"]
        assert cli.main([*words, "--timeout-ms", "50"]) == 1
    said = capsys.readouterr().out
    assert "address 8: NoReply" in said
    assert "tried at 9600 8N1 only" in said


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--profile", "nokia", "--port", "/dev/null"], UnknownProfile),
        (["--profile", "sdm120", "--port", "/dev/nothing-here"], PortLost),
    ],
)
def test_errors_are_named(words, error):
    with pytest.raises(error):
        cli.main(["read", *words])


def test_silence_and_one_source_are_named(tmp_path):
    with served(lambda: on_a_line(tmp_path, meter("sdm120"))) as line:
        common = ["--port", str(line.line.path), "--timeout-ms", "50"]
        with pytest.raises(NoReply):
            cli.main(["read", "--profile", "sdm120", *common, "--address", "2"])
        with pytest.raises(Unconfirmed):
            cli.main(["read", "--profile", "janitza_b23", *common])


@pytest.mark.parametrize("text", ["0", "248", "a", "1-", "3-300", ""])
def test_addresses_that_are_none_are_refused_with_usage(text, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["identify", "--port", "x", "--address", text])
    assert caught.value.code == 2
