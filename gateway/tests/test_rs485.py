"""Driver enable by the kernel: what is asked of it, what is refused, and by which name.

Nothing here plays a kernel: a PTY is a real port without the mode; that one with it switches is
for a UART to show.
"""

import asyncio
import os
import pty
import struct

import pytest
from serial import serialposix

from gateway.collect import rs485
from gateway.collect.bus import Bus
from gateway.collect.errors import BusLost, NoDriverEnable
from gateway.config import BusConfig, ConfigError
from gateway.driver_enable import Rs485Config
from gateway.tests.test_config import GOOD, load


def test_numbers_are_those_of_the_kernel_as_pyserial_has_them():
    assert (rs485.TIOCGRS485, rs485.TIOCSRS485) == (
        serialposix.TIOCGRS485,
        serialposix.TIOCSRS485,
    )
    assert (rs485.ENABLED, rs485.RTS_ON_SEND, rs485.RTS_AFTER_SEND) == (
        serialposix.SER_RS485_ENABLED,
        serialposix.SER_RS485_RTS_ON_SEND,
        serialposix.SER_RS485_RTS_AFTER_SEND,
    )


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (Rs485Config(True), (0b011, 0, 0)),
        (Rs485Config(True, 2, 1), (0b011, 2, 1)),
        (Rs485Config(False, 0, 100), (0b101, 0, 100)),
    ],
)
def test_the_structure_is_32_bytes_with_one_level_while_sending(config, words):
    data = rs485.packed(config)
    assert data == struct.pack("=3I", *words) + bytes(20)
    rs485.check(data, data, "bus0")


@pytest.mark.parametrize("found", [(0, 2, 1), (0b111, 2, 1), (0b101, 2, 1), (0b011, 1, 1)])
def test_a_driver_that_does_otherwise_than_asked_is_refused(found):
    wanted = rs485.packed(Rs485Config(True, 2, 1))
    with pytest.raises(NoDriverEnable):
        rs485.check(wanted, struct.pack("=8I", *found, 0, 0, 0, 0, 0), "bus0")


def test_more_than_asked_is_fine():
    wanted = rs485.packed(Rs485Config(True, 2, 1))
    rs485.check(wanted, struct.pack("=8I", 0b10011, 3, 1, 0, 0, 0, 0, 0), "bus0")


@pytest.fixture
def port():
    ours, theirs = pty.openpty()
    yield os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


def test_a_port_without_the_mode_is_refused_by_name_and_closed(port):
    async def main():
        bus = Bus(BusConfig("bus0", port, 9600, "N", 100, 0, (), (), Rs485Config(True)))
        with pytest.raises(NoDriverEnable, match=r"bus0 /dev/pts/.*leave out bus.rs485") as refused:
            await bus.open()
        assert refused.value.code == "no_driver_enable"
        assert isinstance(refused.value, BusLost)  # so it is told, and tried again
        assert not bus.is_open
        plain = Bus(BusConfig("bus0", port, 9600, "N", 100, 0, ()))
        await plain.open()
        assert plain.is_open
        plain.close()

    asyncio.run(main())


def with_rs485(text):
    return GOOD.replace("baud = 9600", f"baud = 9600\nrs485 = {text}")


def test_the_configuration_takes_it_and_leaves_it_out(tmp_path):
    found = load(tmp_path, with_rs485("{ rts_on_send = false, delay_after_ms = 2 }"))
    assert found.buses[0].rs485 == Rs485Config(False, 0, 2)
    assert load(tmp_path, GOOD).buses[0].rs485 is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{ delay_before_ms = 2 }", "rs485.rts_on_send: expected true or false; it is missing"),
        ("{ rts_on_send = 1 }", "rs485.rts_on_send = 1: expected true or false"),
        ("{ rts_on_send = true, delay_after_ms = 101 }", "delay_after_ms = 101"),
        ("{ rts_on_sent = true }", "did you mean rts_on_send"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_key(tmp_path, text, problem):
    with pytest.raises(ConfigError, match=problem):
        load(tmp_path, with_rs485(text))


def test_modbus_tcp_has_no_rts(tmp_path):
    text = with_rs485("{ rts_on_send = true }").replace("tty/bus0", "tcp://meter")
    with pytest.raises(ConfigError, match=r"bus\[0\].rs485: expected a serial port"):
        load(tmp_path, text)
