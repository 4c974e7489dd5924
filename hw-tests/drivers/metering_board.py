"""A board's metering on MicroPython, one poll at a time.

Driver, register and serial port are the firmware's, the UART is the emulated chip's. Standard input
brings a line of JSON (driver, uart, sensor, timeout_ms, calibration, and what an earlier life saved
as pair and journalled as floor), then when to poll (simulated ms); each answer is a line of JSON.
"""

import sys

# As at the emulated chip's boot: its time below the port's own asyncio.
sys.modules["_asyncio"] = __import__("chip_asyncio")

import asyncio  # noqa: E402
import json  # noqa: E402
import time  # noqa: E402

import chip_pin  # noqa: E402
import chip_uart  # noqa: E402

from core.clock import Clock  # noqa: E402
from core.errors import BoardError  # noqa: E402
from drivers import calibration_text  # noqa: E402
from links.serial_port import SerialPort  # noqa: E402
from metering.channel import ChannelMeter  # noqa: E402
from metering.net_channel import NetChannel  # noqa: E402
from wireformat import codes  # noqa: E402


class SteppedTicks:
    """Time that stands where the test puts it, and from there goes on by itself."""

    def __init__(self):
        self.at(0)

    def at(self, now_ms):
        self._base_ms = now_ms
        self._mark = time.ticks_ms()

    def ticks_ms(self):
        return (self._base_ms + time.ticks_diff(time.ticks_ms(), self._mark)) % (1 << 30)

    def ticks_diff(self, a, b):
        half = 1 << 29
        return (a - b + half) % (1 << 30) - half

    async def sleep_ms(self, ms):
        """In place of `asyncio`'s, for a driver that only waits."""
        self._base_ms += ms


def make_spi_sensor(setup):
    import chip_spi

    from core.settings import Settings
    from drivers.atm90e32 import Atm90e32
    from links.spi_port import SpiLink

    chip_spi._plug_in(setup["uart"])
    metering = Settings()
    metering.ratio, metering.pga, metering.line_hz = setup.get("ratio", 1), 1, 50
    metering.gain_voltage = [7305] * 3
    metering.gain_current = [27518] * 3
    spi = chip_spi.SPI(2, 200000, polarity=setup.get("polarity", 1), phase=1)
    cs = chip_pin.Pin(5, chip_pin.Pin.OUT, value=1)
    constants = calibration_text.parse(setup["calibration"], "atm90e32")
    return Atm90e32(SpiLink(spi, cs), metering, constants)


BASE = {
    "role": "meter",
    "name": "m1",
    "chain_id": "c",
    "area": 1,
    "operator_root": "ab" * 32,
    "bus": {"address": 1, "uart": 1},
    "relays": [],
}


def make_configured(setup, clock, ticks):
    """As the firmware makes it, from `metering` and `channel` of a config.json."""
    from core import config

    value = dict(BASE, metering=setup["metering"], channels=[setup["channel"]])
    board = config.parse(json.dumps(value))
    metering = board.metering
    port = plug_in(metering, setup["uart"])
    driver = __import__("drivers." + metering.driver, None, None, ("make",))
    if metering.port == "pulses":
        driver.time = ticks
    if metering.port == "counters":
        driver.asyncio = ticks
    sensor = driver.make(metering, board.channels[0], port, clock)
    kind = NetChannel if sensor.direction else ChannelMeter
    return kind(board.channels[0].kind, sensor)


def plug_in(metering, path):
    import machine

    if metering.port is None:
        chip_uart._devices[2] = path
        return SerialPort(chip_uart.UART(2, metering.baud), metering.baud)
    if metering.port == "counters":
        __import__("esp32").PCNT = __import__("chip_pcnt").PCNT
    elif metering.port in ("spi", "i2c"):
        chip = __import__("chip_" + metering.port)
        chip._plug_in(path)
        name = metering.port.upper()
        setattr(machine, name, getattr(chip, name))
    else:
        chip_uart._devices[2] = path
    module = __import__("links.%s_port" % metering.port, None, None, ("open_port",))
    return module.open_port(metering)


def make_channel(setup, clock, ticks):
    if "metering" in setup:
        return make_configured(setup, clock, ticks)
    if setup["driver"] == "atm90e32":
        return NetChannel(codes.SECTION, make_spi_sensor(setup))
    return ChannelMeter(codes.LOAD, make_sensor(setup, clock))


def make_sensor(setup, clock):
    module = __import__("drivers." + setup["driver"], None, None, ("x",))
    kind = next(getattr(module, n) for n in dir(module) if n.lower() == setup["driver"])
    chip_uart._devices[2] = setup["uart"]
    port = SerialPort(chip_uart.UART(2, module.BAUD), module.BAUD)
    constants = calibration_text.parse(setup["calibration"], setup["driver"])
    return kind(port, setup["sensor"], clock, setup["timeout_ms"], constants)


def move_pins(changes, ticks):
    """Levels at the pins, each at its time; interrupts run as they come. "+5": five pulses."""
    for now_ms, number, level in changes:
        ticks.at(now_ms)
        if isinstance(level, str):
            chip_pin._pulse(chip_pin._ports[number], int(level))
        else:
            chip_pin._change(chip_pin._ports[number], level)
    return "moved"


async def poll(channel, clock):
    try:
        sample = await channel.sensor.poll()
    except BoardError as error:
        channel.failed()
        return {"fault": type(error).__name__, "text": str(error)}
    what = channel.add(sample, clock.up_ms())
    answer = {"what": what}
    answer.update(registers_of(channel, sample))
    answer.update(values_of(sample))
    return answer


def registers_of(channel, sample):
    saved = channel.energy.saved()
    answer = {
        "registers": channel.registers(),
        "saved": saved.hex() if saved else "",
        "counter": sample.counter,
    }
    if hasattr(sample, "phase_ma"):
        answer.update(phase_ma=sample.phase_ma, phase_w=sample.phase_w)
    if not isinstance(channel, NetChannel):
        answer["register_wh"] = channel.energy.register_wh
    if hasattr(channel.energy, "pair"):
        answer["pair"] = channel.energy.pair()
    if hasattr(sample, "reverse"):
        answer["reverse"] = sample.reverse
    ports = chip_pin._ports.values()
    answer["driven"] = {p.number: p.level for p in ports if p.mode == chip_pin.Pin.OUT}
    return answer


def values_of(sample):
    return {
        "dv": sample.voltage_dv,
        "ma": sample.current_ma,
        "w": sample.power_w,
        "var": sample.var,
        "mhz": sample.frequency_mhz,
        "pf": sample.power_factor_milli,
    }


async def main(setup):
    ticks = SteppedTicks()
    ticks.at(setup.get("ticks", 0))
    clock = Clock(ticks)
    channel = make_channel(setup, clock, ticks)
    if setup.get("saved"):
        channel.energy.take_saved(bytes.fromhex(setup["saved"]))
    if setup.get("row"):
        channel.at_least(setup["row"])
    if setup["pair"]:
        channel.energy.restore(*setup["pair"])
        channel.energy.at_least(setup["floor"])
    print("ready")
    while True:
        line = sys.stdin.readline()  # the world stands still meanwhile, and so does the board
        if not line:
            return
        if line[0] == "[":
            print(move_pins(json.loads(line), ticks))
            continue
        ticks.at(int(line))
        print(json.dumps(await poll(channel, clock)))


asyncio.run(main(json.loads(sys.stdin.readline())))
