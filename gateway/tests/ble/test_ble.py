"""[ble] in a configuration, the passkey file, and chunks for a board's inbox."""

import pytest

from gateway.ble.errors import BadPasskeys, NoPasskey
from gateway.ble.passkeys import passkey
from gateway.ble.session import chunks
from gateway.config import ConfigError, load_config
from wireformat import ble_map
from wireformat import mqtt_map as m

BASE = """\
[gateway]
name = "gw1"
area = 1
data_dir = "data"
key_file = "gateway.key"
ack_certificate = "ack.cert"

[ledger]
rpc = "http://127.0.0.1:26657"
chain_id = "c"
operator_root = "{root}"
genesis = "genesis.json"
"""


def load(folder, ble):
    path = folder / "gateway.toml"
    path.write_text(BASE.format(root="ab" * 32) + ble)
    return load_config(path)


def test_boards_over_ble_need_no_bus(tmp_path):
    ble = '[ble]\ndevices = ["TW-0123abcd", "AA:BB:CC:DD:EE:FF"]\npasskey_file = "keys"\n'
    config = load(tmp_path, ble)
    assert config.ble is not None
    assert config.ble.devices == ("TW-0123abcd", "AA:BB:CC:DD:EE:FF")
    assert (config.ble.adapter, config.ble.passkey_file) == ("hci0", tmp_path / "keys")
    assert load(tmp_path, '[[bus]]\nname = "b"\nport = "p"\n[[bus.device]]\naddress = 1\n'
                          'name = "m1"\n').ble is None  # fmt: skip


@pytest.mark.parametrize(
    ("ble", "named"),
    [
        ("[ble]\n", "ble.devices"),
        ('[ble]\ndevices = ["TW-0123abcd"]\n', "ble.passkey_file"),
        ('[ble]\ndevices = []\npasskey_file = "k"\n', "ble.devices"),
        ('[ble]\ndevices = ["m1"]\npasskey_file = "k"\n', "ble.devices"),
        ('[ble]\ndevices = "TW-0123abcd"\npasskey_file = "k"\n', "ble.devices"),
        ('[ble]\ndevices = ["TW-0123abcd", "TW-0123abcd"]\npasskey_file = "k"\n', "ble.devices"),
        ('[ble]\nadapter = "usb"\ndevices = ["TW-0123abcd"]\npasskey_file = "k"\n', "ble.adapter"),
        ('[ble]\ndevices = ["TW-0123abcd"]\npasskey = "123456"\n', "ble.passkey"),
    ],
)
def test_what_is_wrong_with_it_is_named(tmp_path, ble, named):
    with pytest.raises(ConfigError) as error:
        load(tmp_path, ble)
    assert named in str(error.value)


def file(tmp_path, text, mode=0o600):
    path = tmp_path / "keys"
    path.touch(0o600)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def test_a_passkey_is_found_by_name_or_address(tmp_path):
    path = file(tmp_path, "# labels\n\nTW-0123abcd 000123 # cellar\naa:bb:cc:dd:ee:ff\t654321\n")
    assert passkey(path, "TW-0123ABCD") == 123
    assert passkey(path, "TW-ffffffff", "AA:BB:CC:DD:EE:FF") == 654321
    with pytest.raises(NoPasskey, match="TW-ffffffff"):
        passkey(path, "TW-ffffffff")


@pytest.mark.parametrize(
    ("text", "mode", "match"),
    [
        ("TW-0123abcd 000123\n", 0o640, "others may read it"),
        ("TW-0123abcd 123\n", 0o600, "line 1"),
        ("TW-0123abcd 123456\nTW-0123abce 123456 7\n", 0o600, "line 2"),
        (b"\xff\xfe 123456\n" + b"x" * 100, 0o600, "line 2"),
        (b"#" * 70_000, 0o600, "more than"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_without_saying_what_is_in_it(
    tmp_path, text, mode, match
):
    with pytest.raises(BadPasskeys, match=match) as error:
        passkey(file(tmp_path, text, mode), "TW-0123abcd")
    assert "123456" not in error.value.what
    with pytest.raises(BadPasskeys):
        passkey(tmp_path / "none", "TW-0123abcd")


@pytest.mark.parametrize("room", [20, 100, 244, 512])
def test_frames_are_cut_to_what_a_write_carries(room):
    data = bytes(range(240))
    parts = list(chunks(m.chunk(77, 6, data), room))
    assert all(len(part) <= min(room, ble_map.MAX_WRITE_BYTES) for part in parts)
    joined = b""
    for part in parts:
        assert part[:4] == bytes((0, 77, 6, 240))
        assert int.from_bytes(part[4:6], "big") == len(joined)
        joined += part[6:]
    assert joined == data
