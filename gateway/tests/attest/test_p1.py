"""A smart meter's P1 port: telegrams that come by themselves become readings."""

import asyncio

import pytest

from gateway import cli
from gateway.config import MeterConfig
from gateway.tests.attest.kit import run
from truewatt.emulator.wires.tty import Tty

METER = MeterConfig(1, "house", "p1_v5", serial="K8EG0040", max_power_w=25_000)

# As in DSMR 5.0.2 P1, section 6.12, shortened; the serial number is hex of its characters.
BODY = """/ISk5\\2MT382-1000\r
\r
1-3:0.2.8(50)\r
0-0:1.0.0(261125161500W)\r
0-0:96.1.1({serial})\r
1-0:1.8.1({used:010.3f}*kWh)\r
1-0:1.8.2(000100.001*kWh)\r
1-0:2.8.1(000010.000*kWh)\r
1-0:2.8.2(000005.500*kWh)\r
0-0:96.14.0(0002)\r
1-0:1.7.0(00.000*kW)\r
1-0:2.7.0(01.193*kW)\r
1-0:32.7.0(230.1*V)\r
1-0:31.7.0(005*A)\r
!"""


def telegram(used=1234.567, serial="K8EG0040"):
    body = BODY.format(used=used, serial=serial.encode().hex().upper()).encode()
    low, high = crc16b(body)
    return body + f"{high:02X}{low:02X}\r\n".encode()


def crc16b(data):
    """CRC-16/ARC: Modbus's with another start (DSMR 5.0.2 P1, section 5.2)."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


class Port:
    """A meter that talks each 50 ms of wall time."""

    def __init__(self, site):
        self.tty = Tty(site.folder / "tty")
        self.data = telegram()
        self.quiet = False
        self._task = asyncio.create_task(self._talk())

    async def _talk(self):
        while True:
            for at in range(0, len(self.data), 100):
                if not self.quiet:
                    self.tty.write(self.data[at : at + 100])
                await asyncio.sleep(0.004)
            await asyncio.sleep(0.05)

    def close(self):
        self._task.cancel()
        self.tty.close()


def with_port(tmp_path, scenario):
    async def main(site):
        port = Port(site)
        try:
            await scenario(site, port)
        finally:
            await site.stop()
            port.close()

    run(tmp_path, main)


def test_telegrams_become_signed_readings_with_all_tariffs_together(tmp_path):
    async def scenario(site, port):
        site.enrol("house")
        site.start(METER)
        await site.until(lambda: site.readings("house"))
        reading = site.readings("house")[0]
        assert reading.channels == [[1_334_568, 15_500, -1193, 1193, 0]]
        assert (reading.voltage_dv, reading.max_ma) == (2301, 5000)
        port.data = telegram(1234.600)
        await site.until(lambda: site.readings("house")[-1].channels[0][0] == 1_334_601)
        assert site.open_codes() == {}

    with_port(tmp_path, scenario)


def test_another_meter_is_refused_by_its_serial_number(tmp_path):
    async def scenario(site, port):
        port.data = telegram(serial="K8EG0041")
        site.enrol("house")
        site.start(METER)
        await site.until(lambda: site.open_codes() == {"house": "wrong_meter"})
        assert site.records("house") == []

    with_port(tmp_path, scenario)


@pytest.mark.parametrize("spoil", ["bit", "half", "junk"])
def test_noise_is_no_reading_and_fills_no_memory(tmp_path, monkeypatch, spoil):
    monkeypatch.setattr("gateway.attest.p1.FRESH_S", 0.2)

    async def scenario(site, port):
        good = port.data
        port.data = {
            "bit": good.replace(b"1-0:1.8.1(001234", b"1-0:1.8.1(009234"),
            "half": good[:200],
            "junk": b"\xff\x00!/" * 500,
        }[spoil]
        site.enrol("house")
        site.start(METER)
        await site.until(lambda: site.open_codes().get("house") == "garbled_reply")
        assert site.records("house") == []
        bus = site.collector.workers[0].bus
        assert len(bus._buffer) <= 8192
        port.data = good
        await site.until(lambda: site.readings("house"))
        assert site.readings("house")[-1].channels[0][0] == 1_334_568

    with_port(tmp_path, scenario)


def test_a_silent_port_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.attest.p1.FRESH_S", 0.2)

    async def scenario(site, port):
        site.enrol("house")
        site.start(METER)
        await site.until(lambda: site.readings("house"))
        port.quiet = True
        await site.until(lambda: site.open_codes().get("house") in ("no_reply", "garbled_reply"))

    with_port(tmp_path, scenario)


def test_a_p1_port_is_read_from_the_command_line(tmp_path, capsys):
    tty = Tty(tmp_path / "p1")

    async def talk():
        reading = asyncio.create_task(
            asyncio.to_thread(cli.main, ["read", "--profile", "p1_v5", "--port", str(tty.path)])
        )
        while not reading.done():
            tty.write(telegram())
            await asyncio.sleep(0.05)
        return await reading

    try:
        assert asyncio.run(talk()) == 0
    finally:
        tty.close()
    said = capsys.readouterr().out
    assert "smart meter on a P1 port (p1_v5)" in said
    assert "-1193 W" in said
    assert "1334568 Wh" in said
