"""Configuring commercial devices, and what their installer gets to see."""

import pytest

from gateway import cli
from gateway.attest.cli import NoDevices
from gateway.config import ConfigError, MeterConfig, load_config
from gateway.profiles.errors import Unconfirmed, UnknownProfile
from gateway.tests.test_config import GOOD
from wireformat import codes, identity
from wireformat.control import Enrolment
from wireformat.registry import open_signed

METER = """
[[bus.meter]]
address = 21
name = "t1"
profile = "sdm630"
kind = "section"
serial = "SN 77"
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(GOOD + METER)
    return path


def test_a_device_is_configured_beside_boards_or_instead_of_them(config):
    bus = load_config(config).buses[0]
    assert bus.meters == (MeterConfig(21, "t1", "sdm630", "section", "grid", "SN 77"),)
    alone = GOOD[: GOOD.index("[[bus.device]]")]
    config.write_text(alone.replace("tty/bus0", "tcp://10.0.0.5") + METER)
    bus = load_config(config).buses[0]
    assert (bus.port, bus.devices) == ("tcp://10.0.0.5", ())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("address = 21", "address = 2"), "bus[0].meter[0].address = 2"),
        (('name = "t1"', 'name = "m1"'), "another than that of bus[0].device[0].name"),
        (('kind = "section"', 'kind = "sun"'), "one of load, generation, section"),
        (("address = 21", "address = 21\nphase = 2"), "did you mean phases?"),
        (('profile = "sdm630"', "profile = 4"), "bus[0].meter[0].profile"),
    ],
)
def test_every_fault_is_named(config, change, says):
    config.write_text(config.read_text().replace(*change))
    with pytest.raises(ConfigError) as caught:
        load_config(config)
    assert says in str(caught.value)


def test_a_bus_without_anybody_is_refused(config):
    config.write_text(GOOD[: GOOD.index("[[bus.device]]")])
    with pytest.raises(ConfigError, match=r"bus\[0\]: expected at least one"):
        load_config(config)


def test_nobody_stands_beside_the_meter_at_a_p1_port(config):
    alone = GOOD[: GOOD.index("[[bus.device]]")]
    p1 = METER.replace("sdm630", "p1_v5")
    config.write_text(alone + p1)
    assert cli.main(["attest", "--config", str(config)]) == 0
    config.write_text(GOOD + p1)
    with pytest.raises(ConfigError, match="nobody beside the meter at a P1 port"):
        load_config(config)


def test_attest_prints_and_writes_what_the_installer_countersigns(config, capsys, tmp_path):
    out = tmp_path / "out"
    assert cli.main(["attest", "--config", str(config), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    data = bytes.fromhex((out / "t1.enrolment").read_text())
    assert data.hex() in said
    record = open_signed(Enrolment.CODE, data, "tw-1").record
    assert record.role == codes.ATTESTED
    assert record.channels == [[codes.SECTION, codes.GRID]]
    assert (record.hardware_id, record.relays) == (b"SN 77", 0)
    assert identity.address(record.public_key).hex() in said
    # The same key the second time: an enrolled device keeps its identity.
    assert cli.main(["attest", "--config", str(config)]) == 0
    assert capsys.readouterr().out in said


def test_attest_without_a_device_says_what_to_do(config):
    config.write_text(GOOD)
    with pytest.raises(NoDevices, match=r"no \[\[bus"):
        cli.main(["attest", "--config", str(config)])


def test_a_profile_that_is_not_there_or_not_confirmed_is_told_before_the_start(config):
    text = config.read_text()
    for name, error in (("sdm639", UnknownProfile), ("janitza_b23", Unconfirmed)):
        config.write_text(text.replace("sdm630", name))
        with pytest.raises(error):
            cli.main(["attest", "--config", str(config)])
