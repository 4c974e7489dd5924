"""Bytes that were worked out by hand from the published maps, not by the code under test.

Addresses, types and scales were copied from the public drivers that each profile names, not from
the profile: a slip in a profile fails here.

Singles: 0x43666666 is 230.4 (1.8 x 2**7), 0x42480000 is 50, 0x3F800000 is 1, 0x40900000 is 4.5,
0x447A0000 is 1000, 0xC47A0000 is -1000, 0x42F6E979 is 123.456, 0x3F666666 is 0.9.
"""

import asyncio

import pytest

from gateway.profiles import decode, encode, find_profile, model_names
from gateway.profiles.link import MeterLink, PortConfig
from truewatt.emulator.wires.tty import Tty

GOLDEN = {
    "sdm120": [
        (0x0000, "43666666", "voltage_dv", 2304),
        (0x0006, "40900000", "current_ma", 4500),
        (0x000C, "C47A0000", "power_w", -1000),
        (0x001E, "3F666666", "power_factor_milli", 900),
        (0x0046, "42480000", "frequency_mhz", 50_000),
        (0x0048, "42F6E979", "import_wh", 123_456),
        (0x004A, "3F800000", "export_wh", 1000),
        (0x004E, "447A0000", "reactive_export_varh", 1_000_000),
        (0x0156, "42F6E979", "total_wh", 123_456),
    ],
    "sdm220": [
        (0x0006, "40900000", "current_ma", 4500),
        (0x000C, "C47A0000", "power_w", -1000),
        (0x0046, "42480000", "frequency_mhz", 50_000),
        (0x0048, "42F6E979", "import_wh", 123_456),
        (0x004A, "3F800000", "export_wh", 1000),
        (0x0158, "3F800000", "reactive_total_varh", 1000),
    ],
    "sdm230": [
        (0x0000, "43666666", "voltage_dv", 2304),
        (0x000C, "C47A0000", "power_w", -1000),
        (0x0046, "42480000", "frequency_mhz", 50_000),
        (0x0048, "42F6E979", "import_wh", 123_456),
        (0x004A, "3F800000", "export_wh", 1000),
        (0x0156, "42F6E979", "total_wh", 123_456),
    ],
    "sdm72_v2": [
        (0x0002, "43666666", "voltage_l2_dv", 2304),
        (0x0010, "C47A0000", "power_l3_w", -1000),
        (0x0034, "447A0000", "power_w", 1000),
        (0x0048, "42F6E979", "import_wh", 123_456),
        (0x004A, "3F800000", "export_wh", 1000),
    ],
    # 3DCCCCCD is 0.1: 0.1 kW.
    "or_we_516": [
        (0x0010, "43666666", "voltage_l2_dv", 2304),
        (0x001A, "40900000", "current_l3_ma", 4500),
        (0x001C, "3DCCCCCD", "power_w", 100),
        (0x0024, "3F800000", "reactive_var", 1000),
        (0x0108, "42F6E979", "import_wh", 123_456),
        (0x0110, "447A0000", "export_wh", 1_000_000),
        (0x0116, "3F800000", "export_l3_wh", 1000),
    ],
    # In kW too.
    "pro380": [
        (0x5002, "43666666", "voltage_l1_dv", 2304),
        (0x5008, "42480000", "frequency_mhz", 50_000),
        (0x5010, "40900000", "current_l3_ma", 4500),
        (0x5012, "3DCCCCCD", "power_w", 100),
        (0x5016, "3F800000", "power_l2_w", 1000),
        (0x502A, "3F666666", "power_factor_milli", 900),
        (0x6000, "447A0000", "total_wh", 1_000_000),
        (0x600C, "42F6E979", "import_wh", 123_456),
        (0x6018, "3F800000", "export_wh", 1000),
        (0x601E, "42F6E979", "export_l1_wh", 123_456),
    ],
    # Power in kW: BF800000 is -1.
    "ddsu666": [
        (0x2000, "43666666", "voltage_dv", 2304),
        (0x2002, "40900000", "current_ma", 4500),
        (0x2004, "BF800000", "power_w", -1000),
        (0x200A, "3F666666", "power_factor_milli", 900),
        (0x200E, "42480000", "frequency_mhz", 50_000),
        (0x4000, "42F6E979", "import_wh", 123_456),
        (0x400A, "3F800000", "export_wh", 1000),
    ],
    "sdm630": [
        (0x0004, "43666666", "voltage_l3_dv", 2304),
        (0x000A, "40900000", "current_l3_ma", 4500),
        (0x0010, "C47A0000", "power_l3_w", -1000),
        (0x0034, "447A0000", "power_w", 1000),
        (0x0038, "447A0000", "apparent_va", 1000),
        (0x0046, "42480000", "frequency_mhz", 50_000),
        (0x0048, "447A0000", "import_wh", 1_000_000),
        (0x004A, "3F800000", "export_wh", 1000),
        (0x015E, "3F800000", "import_l3_wh", 1000),
        (0x0164, "42F6E979", "export_l3_wh", 123_456),
    ],
    "sdm72": [
        (0x0034, "447A0000", "power_w", 1000),
        (0x0048, "42F6E979", "import_wh", 123_456),
        (0x004A, "3F800000", "export_wh", 1000),
        (0x0156, "42F6E979", "total_wh", 123_456),
    ],
    # 0x0900 = 2304; 70000 = 0x00011170, low word first; 0x01F4 = 500; 0x5A = 90.
    "pzem004t": [
        (0x0000, "0900", "voltage_dv", 2304),
        (0x0001, "11700001", "current_ma", 70_000),
        (0x0003, "11700001", "power_w", 7000),
        (0x0005, "11700001", "total_wh", 70_000),
        (0x0007, "01F4", "frequency_mhz", 50_000),
        (0x0008, "005A", "power_factor_milli", 900),
    ],
    # -70000 = 0xFFFEEE90.
    "em340": [
        (0x0004, "09000000", "voltage_l3_dv", 2304),
        (0x0010, "11700001", "current_l3_ma", 70_000),
        (0x0016, "EE90FFFE", "power_l3_w", -7000),
        (0x0028, "EE90FFFE", "power_w", -7000),
        (0x0033, "01F4", "frequency_mhz", 50_000),
        (0x0034, "11700001", "import_wh", 7_000_000),
        (0x0044, "00010000", "import_l3_wh", 100),
        (0x004E, "11700001", "export_wh", 7_000_000),
    ],
    "em330": [
        (0x0002, "09000000", "voltage_l2_dv", 2304),
        (0x0028, "EE90FFFE", "power_w", -7000),
        (0x0034, "11700001", "import_wh", 7_000_000),
        (0x004E, "00010000", "export_wh", 100),
    ],
    "em24_ethernet": [
        (0x0000, "09000000", "voltage_l1_dv", 2304),
        (0x0028, "EE90FFFE", "power_w", -7000),
        (0x0034, "11700001", "import_wh", 7_000_000),
        (0x0042, "11700001", "import_l2_wh", 7_000_000),
        (0x004E, "00010000", "export_wh", 100),
    ],
    # 3DCCCCCD is 0.1: 0.1 kW.
    "iem3155": [
        (0x0BB9, "40900000", "current_l2_ma", 4500),
        (0x0BD7, "43666666", "voltage_l3_dv", 2304),
        (0x0BF1, "3F800000", "power_l3_w", 1000),
        (0x0BF3, "3DCCCCCD", "power_w", 100),
        (0x0C25, "42480000", "frequency_mhz", 50_000),
        (0xB02B, "42F6E979", "import_wh", 123_456),
        (0xB02D, "3F800000", "export_wh", 1000),
    ],
    # 0x1388 = 5000; -100000 = 0xFFFE7960; 12345.67 kWh = 1234567 = 0x12D687.
    "abb_b23": [
        (0x5000, "000000000012D687", "import_wh", 12_345_670),
        (0x5004, "0000000000000001", "export_wh", 10),
        (0x5468, "000000000012D687", "import_l3_wh", 12_345_670),
        (0x5474, "0000000000000001", "export_l3_wh", 10),
        (0x5B04, "00000900", "voltage_l3_dv", 2304),
        (0x5B10, "000001C2", "current_l3_ma", 4500),
        (0x5B14, "FFFE7960", "power_w", -1000),
        (0x5B1A, "000186A0", "power_l3_w", 1000),
        (0x5B2C, "1388", "frequency_mhz", 50_000),
    ],
    # 0x007D = 125: 12.5 A; 0x00012345 = 74565.
    "ev_charger": [
        (0x0007, "007D", "current_l2_ma", 12_500),
        (0x000A, "00E6", "voltage_l1_dv", 2300),
        (0x000E, "0ACD", "power_w", 2765),
        (0x0011, "00012345", "import_wh", 74_565),
    ],
    "janitza_b23": [
        (0x4A38, "43666666", "voltage_l1_dv", 2304),
        (0x4A52, "C47A0000", "power_w", -1000),
        (0x4A7C, "447A0000", "import_wh", 1000),
        (0x4A84, "3F800000", "export_wh", 1),
    ],
}


def _words(address, text):
    data = bytes.fromhex(text)
    return {address + n // 2: data[n] << 8 | data[n + 1] for n in range(0, len(data), 2)}


@pytest.mark.parametrize("name", model_names())
def test_what_is_billed_and_total_power_are_hand_made_in_every_model(name):
    """What a model hasn't got by its sources either can't be here: see its page's registers."""
    known = {register.key for register in find_profile(name).registers}
    needed = {"import_wh", "export_wh", "power_w"} & known
    needed |= {"total_wh"} if "import_wh" not in known else set()
    assert len(needed) >= 2
    assert needed <= {key for _, _, key, _ in GOLDEN[name]}


@pytest.mark.parametrize("name", GOLDEN)
def test_hand_made_bytes_decode_to_what_they_mean(name):
    profile = find_profile(name)
    words = {}
    for address, text, _, _ in GOLDEN[name]:
        words |= _words(address, text)
    readings = decode(profile, words)
    assert readings.values == {key: value for _, _, key, value in GOLDEN[name]}
    assert not readings.implausible
    assert not readings.unavailable


@pytest.mark.parametrize("name", GOLDEN)
def test_the_emulated_meter_shows_the_hand_made_bytes(name):
    profile = find_profile(name)
    image = encode(profile, {key: value for _, _, key, value in GOLDEN[name]})
    for address, text, key, _ in GOLDEN[name]:
        shown = {a: image[a] for a in _words(address, text)}
        assert shown == _words(address, text), key


def test_abb_says_unavailable_with_the_largest_value_of_the_type():
    words = _words(0x5B00, "FFFFFFFF") | _words(0x5B14, "7FFFFFFF") | _words(0x5B2C, "FFFF")
    words |= _words(0x5000, "FFFFFFFFFFFFFFFF") | _words(0x5B16, "FFFFFFFF")
    readings = decode(find_profile("abb_b23"), words)
    keys = {"voltage_l1_dv", "power_w", "frequency_mhz", "import_wh"}
    assert set(readings.unavailable) == keys
    # All ones in a signed register is -1: -0.01 W, which rounds to 0.
    assert readings.values == {"power_l1_w": 0}


@pytest.mark.parametrize("text", ["7FC00000", "7F800000", "FF800000", "FFFFFFFF"])
def test_a_single_that_is_no_number_is_unavailable(text):
    readings = decode(find_profile("sdm120"), _words(0, text))
    assert readings.unavailable == ["voltage_dv"]
    assert not readings.values


# The example of Eastron's protocol paper: volts of phase 1, 230.2 V.
PAPER_REQUEST = bytes.fromhex("01 04 00 00 00 02 71 CB")
PAPER_REPLY = bytes.fromhex("01 04 04 43 66 33 34 1B 38")


def test_the_frames_of_eastrons_paper_pass_the_link_and_the_decoder(tmp_path):
    """Both as they are on the wire, checksums included, to a device that knows nothing else."""
    tty = Tty(tmp_path / "tty")
    heard = bytearray()

    def device() -> None:
        heard.extend(tty.read())
        if len(heard) == len(PAPER_REQUEST):
            tty.write(PAPER_REPLY)

    async def run():
        asyncio.get_running_loop().add_reader(tty.fd, device)
        try:
            async with MeterLink(PortConfig(str(tty.path), timeout_ms=500)) as link:
                return await link.read(4, 1, 0, 2)
        finally:
            asyncio.get_running_loop().remove_reader(tty.fd)
            tty.close()

    words = asyncio.run(run())
    assert heard == PAPER_REQUEST
    readings = decode(find_profile("sdm120"), dict(enumerate(words)))
    assert readings.values == {"voltage_dv": 2302}
