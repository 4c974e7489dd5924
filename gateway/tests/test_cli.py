"""The command line: what a person reads, and the exit status."""

import json
import re
import threading
from pathlib import Path

import pytest

from gateway import cli
from gateway.config import load_config
from gateway.tests.test_config import GOOD
from gateway.tests.test_updates import release
from gateway.updates.errors import NoSuchDevice
from gateway.updates.queue import FOLDER, read_progress, release_path, write_progress

EMPTY_STATUS = {
    "gateway": "gw1",
    "records": 0,
    "outbox": 0,
    "light": {"height": 9, "lies": 0},
    "boards": [],
    "refusals": {},
    "commands": {},
    "notices": {},
}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(GOOD)
    for name in ("keys/gateway", "keys/ack.cert", "genesis.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    return path


def test_check_config_says_that_all_is_well(config, capsys):
    assert cli.main(["check-config", str(config)]) == 0
    assert "good; 1 bus(es), 2 board(s), area 1" in capsys.readouterr().out


def test_check_config_shows_every_error_and_fails(config, capsys):
    config.write_text(GOOD.replace("area = 1\n", "area = 0\n").replace("9600", "96"))
    assert cli.main(["check-config", str(config)]) == 1
    said = capsys.readouterr().err
    assert "gateway.area = 0" in said
    assert "bus[0].baud = 96" in said
    assert str(config) in said


def test_check_config_names_files_that_are_missing(config, capsys, tmp_path):
    (tmp_path / "genesis.json").unlink()
    assert cli.main(["check-config", str(config)]) == 1
    assert "ledger.genesis" in capsys.readouterr().err


def test_status_without_a_run_says_how_to_start(config):
    with pytest.raises(cli.NoStatus) as caught:
        cli.main(["status", "--config", str(config)])
    assert "truewatt gateway run" in caught.value.todo


def test_status_is_a_table(config, capsys, tmp_path):
    board = {
        "name": "m1",
        "bus": "bus0",
        "bus_address": 1,
        "device": "ab" * 20,
        "state": "ok",
        "records": 12,
        "unacked": 1,
    }
    status = {
        "gateway": "gw1",
        "records": 12,
        "outbox": 3,
        "light": {"height": 9, "lies": 0},
        "boards": [board],
        "refusals": {"gap": 2},
        "commands": {},
        "notices": {"m2": {"text": "NoReply: nothing within 500 ms"}},
    }
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "status.json").write_text(json.dumps(status))
    assert cli.main(["status", "--config", str(config)]) == 0
    said = capsys.readouterr().out
    assert "m1           bus0/1         abababababababab   ok" in said
    assert "refusals: gap 2" in said
    assert "commands: none" in said
    assert "! m2: NoReply" in said


def test_a_release_waits_for_the_gateway_and_its_end_is_told(config, capsys, tmp_path):
    file = tmp_path / "r.tw"
    file.write_bytes(release())
    ask = ["update", "--config", str(config), str(file), "--device"]
    with pytest.raises(NoSuchDevice, match="nobody"):
        cli.main([*ask, "nobody"])
    name = load_config(config).buses[0].devices[0].name
    with pytest.raises(SystemExit):
        cli.main([*ask, name, "--at-once", "0"])
    assert "'0' is no whole number from 1" in capsys.readouterr().err
    assert cli.main([*ask, name, "--no-wait"]) == 0
    assert "firmware 0.2.0, roll-back index 2" in capsys.readouterr().out
    folder = load_config(config).data_dir / FOLDER
    assert release_path(folder, name).read_bytes() == release()
    # As the gateway leaves it.
    told = threading.Timer(0.3, write_progress, (folder, name, {"state": "failed", "what": "old"}))
    told.start()
    assert cli.main([*ask, name]) == 1
    said = capsys.readouterr().err
    assert "waits for its turn" in said
    assert f"{name}: old" in said
    (folder.parent / "status.json").write_text(json.dumps(EMPTY_STATUS))
    assert cli.main(["status", "--config", str(config)]) == 0
    assert f"update {name}: old" in capsys.readouterr().out
    assert cli.main([*ask, f"{name},{name}", "--no-wait"]) == 0
    assert capsys.readouterr().out.startswith(f"{name}: firmware")


def test_each_update_command_of_the_docs_is_taken(config, capsys, tmp_path, monkeypatch):
    devices = "".join(
        f'\n[[bus.device]]\naddress = {number + 10}\nname = "m{number}"\n'
        for number in range(2, 11)
    )
    config.write_text(GOOD + devices)
    (tmp_path / "meter-0.2.0.tw").write_bytes(release())
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).resolve().parents[2] / "docs/updating.md").read_text(encoding="utf-8")
    found = re.findall(r"^ {4,}truewatt gateway (update .+)$", page, re.M)
    assert len(found) == 2
    for words in found:
        assert cli.main([*words.split(), "--no-wait"]) == 0
    facts = read_progress(load_config(config).data_dir / FOLDER, "m10")
    assert facts["before"] == [f"m{number}" for number in range(1, 10)]
    assert facts["at_once"] == 3
    assert "m9, m10: firmware 0.2.0" in capsys.readouterr().out
