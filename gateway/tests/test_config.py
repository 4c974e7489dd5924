"""A gateway's TOML file: what is read, and every fault by name."""

from pathlib import Path

import pytest

from gateway.config import ConfigError, load_config, missing_files

GOOD = """
[gateway]
name = "gw1"
area = 1
data_dir = "data"
key_file = "keys/gateway"
ack_certificate = "keys/ack.cert"

[ledger]
rpc = "http://127.0.0.1:26657"
chain_id = "tw-1"
operator_root = "%s"
genesis = "genesis.json"

[[bus]]
name = "bus0"
port = "tty/bus0"
baud = 9600

[[bus.device]]
address = 1
name = "m1"

[[bus.device]]
address = 2
name = "x1"
max_power_w = 90000
""" % ("ab" * 32)


def load(tmp_path: Path, text: str):
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    return load_config(path)


def test_reads_a_file_with_defaults_and_paths_from_its_folder(tmp_path):
    config = load(tmp_path, GOOD)
    assert config.data_dir == tmp_path / "data"
    assert config.buses[0].port == str(tmp_path / "tty/bus0")
    assert config.buses[0].timeout_ms == 2000
    assert (config.max_channel_w, config.max_section_w) == (25_000, 250_000)
    assert [device.max_power_w for device in config.buses[0].devices] == [0, 90_000]
    assert config.ledger.operator_root == bytes([0xAB]) * 32


def test_an_absolute_port_stays(tmp_path):
    config = load(tmp_path, GOOD.replace("tty/bus0", "/dev/ttyUSB0"))
    assert config.buses[0].port == "/dev/ttyUSB0"


def test_missing_files_are_named_by_their_keys(tmp_path):
    problems = missing_files(load(tmp_path, GOOD))
    assert [problem.key for problem in problems] == [
        "gateway.key_file",
        "gateway.ack_certificate",
        "ledger.genesis",
    ]


FAULTS = [
    ("area = 1\n", "area = 0\n", "gateway.area = 0: expected a whole number from 1 to"),
    ("area = 1\n", "area = true\n", "gateway.area = True: expected a whole number"),
    ("area = 1\n", 'area = "1"\n', "gateway.area = '1': expected a whole number"),
    ("area = 1\n", "", "gateway.area: expected a whole number"),
    ("area = 1\n", "area = 1\npool_s = 3\n", "did you mean poll_s?"),
    ('"gw1"', '"Gateway One"', "gateway.name = 'Gateway One': expected a name"),
    ('"http://127.0.0.1:26657"', '"localhost"', "ledger.rpc = 'localhost': expected an address"),
    ("ab" * 32, "ab" * 31, "ledger.operator_root"),
    ('"tw-1"', '"a|b"', "ledger.chain_id = 'a|b': expected the chain's id"),
    ("9600", "9601", "bus[0].baud = 9601: expected one of 1200"),
    ("address = 2", "address = 1", "bus[0].device[1].address = 1: expected another than that of"),
    ("address = 2", "address = 248", "bus[0].device[1].address = 248: expected a whole number"),
    ('name = "x1"', 'name = "m1"', "bus[0].device[1].name = 'm1': expected another"),
    ("[[bus.device]]", "[[bus.devise]]", "did you mean device?"),
    ("[ledger]", "[leger]", "did you mean ledger?"),
    ("[ledger]", "[ledger", "expected valid TOML 1.0"),
    ("[[bus]]", "[bus]", "expected tables written as [[bus]]"),
]


@pytest.mark.parametrize(("old", "new", "said"), FAULTS, ids=[fault[2][:40] for fault in FAULTS])
def test_each_fault_says_file_key_value_and_what_was_expected(tmp_path, old, new, said):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, GOOD.replace(old, new))
    assert said in str(caught.value)
    assert str(tmp_path / "gateway.toml") in str(caught.value)


def test_all_faults_are_told_at_once(tmp_path):
    text = GOOD.replace("area = 1\n", "area = -1\n").replace("9600", "1").replace('"tw-1"', "7")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    keys = [problem.key for problem in caught.value.problems]
    assert keys == ["gateway.area", "ledger.chain_id", "bus[0].baud"]


def test_names_differ_over_all_buses(tmp_path):
    more = '[[bus]]\nname = "bus1"\nport = "p"\n[[bus.device]]\naddress = 1\nname = "m1"\n'
    with pytest.raises(ConfigError, match=r"bus\[1\].device\[0\].name"):
        load(tmp_path, GOOD + more)


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"x" * (1 << 21)])
def test_a_file_that_is_no_text_is_refused(tmp_path, raw):
    path = tmp_path / "gateway.toml"
    path.write_bytes(raw)
    with pytest.raises(ConfigError):
        load_config(path)


@pytest.mark.parametrize(
    "value", ["9" * 5000, "0x" + "9" * 5000, "[0x" + "9" * 5000 + "]", "[" * 5000]
)
def test_numbers_without_end_and_brackets_in_brackets_are_named(tmp_path, value):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, GOOD.replace("area = 1", f"area = {value}"))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("lines", "host", "port", "embedded"),
    [
        ("", "127.0.0.1", 1883, True),
        ("port = 1884", "127.0.0.1", 1884, True),
        ("embedded = true", "127.0.0.1", 1883, True),
        ('embedded = true\nhost = "0.0.0.0"', "0.0.0.0", 1883, True),
        ('host = "broker"', "broker", 1883, False),
        ('host = "broker"\nca_file = "ca.crt"', "broker", 8883, False),
        ('embedded = false\nhost = "broker"', "broker", 1883, False),
    ],
)
def test_without_a_host_the_broker_is_the_gateways_own(tmp_path, lines, host, port, embedded):
    mqtt = load(tmp_path, f"{GOOD}\n[mqtt]\n{lines}\n").mqtt
    assert (mqtt.host, mqtt.port, mqtt.embedded) == (host, port, embedded)


def test_without_a_table_there_is_no_mqtt(tmp_path):
    assert load(tmp_path, GOOD).mqtt is None


@pytest.mark.parametrize("key", ["ca_file", "certificate", "private_key", "user", "password_file"])
@pytest.mark.parametrize("embedded", ["", "embedded = true\n"])
def test_what_only_another_broker_has_wants_its_host(tmp_path, key, embedded):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f'{GOOD}\n[mqtt]\n{embedded}{key} = "x"\n')
    (problem,) = caught.value.problems
    assert str(problem) == (
        f"mqtt.{key}: expected a broker of its own (mqtt.host):"
        " the embedded one has no TLS and no users"
    )


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ("embedded = false", "mqtt.host"),
        ('host = "broker"\ncertificate = "c"\nca_file = "a"', "mqtt.certificate"),
        ('host = "broker"\ncertificate = "c"\nprivate_key = "k"', "mqtt.ca_file"),
    ],
)
def test_half_a_way_to_a_broker_is_named(tmp_path, lines, key):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"{GOOD}\n[mqtt]\n{lines}\n")
    assert [problem.key for problem in caught.value.problems] == [key]


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "absent.toml")
