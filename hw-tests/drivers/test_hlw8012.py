"""The HLW8012 driver on MicroPython, with the board's pulse counters, against the emulated chip."""

import pytest
from bench import check_of

from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.wires.hlw8012 import BL0937, HLW8012, Hlw8012Chip

PINS = {"cf": 35, "cf1": 34, "sel": 23}


class Rig:
    """A chip at 230 V on a board's pins, second by second."""

    def __init__(self, boot, power_w=1150.0, metering=(), calibration=None, **parts):
        self.channel = Channel(230.0, power_w)
        self.chip = Hlw8012Chip(self.channel, self._pulse, **parts)
        setup = {"metering": {"driver": "hlw8012"} | PINS | dict(metering), "channel": self._of()}
        setup["channel"] |= {"calibration": calibration} if calibration else {}
        self.board = boot(**setup)
        self.second = 0
        self.sent = {"cf": 0, "cf1": 0}
        self._moves = []
        self._take(self.board.poll(0))
        self.second = 3

    def _of(self):
        return {"kind": "load", "energy": "grid", "sensor": 1}

    def _pulse(self, output, count):
        self.sent[output] += count
        self._moves.append([1000 * self.second, PINS[output], f"+{count}"])

    def _take(self, answer):
        self.answer = answer
        if "driven" in answer:
            self.chip.select(answer["driven"][str(PINS["sel"])])
        return answer

    def run(self, seconds):
        """The last answer; a poll each second."""
        for _ in range(seconds):
            self.second += 1
            self.channel.step(230.0, self.channel.power_w, self.channel.reactive_var)
            self.chip.step()
            if self._moves:
                self.board.move_pins(self._moves)
                self._moves = []
            self._take(self.board.poll(1000 * self.second))
        return self.answer


@pytest.fixture
def boot(start):
    return start("hlw8012", lambda: None)


@pytest.mark.parametrize(
    ("kind", "shunt_uohm", "divider", "power_w"),
    [
        (HLW8012, 1000, 2821, 1150.0),
        (HLW8012, 2000, 2351, 60.0),
        (HLW8012, 1000, 2821, 6000.0),
        (BL0937, 1000, 2001, 2300.0),
    ],
)
def test_it_reads_what_the_chip_sees(boot, kind, shunt_uohm, divider, power_w):
    metering = {"chip": "bl0937" if kind is BL0937 else "hlw8012"}
    metering |= {"shunt_uohm": shunt_uohm, "divider": divider}
    parts = {"kind": kind, "shunt_ohm": shunt_uohm / 1e6, "divider": float(divider)}
    rig = Rig(boot, power_w, metering, **parts)
    answer = rig.run(14)
    per_pulse_w = 3600 / rig.chip.pulses_per_wh
    assert abs(answer["w"] - power_w) <= max(per_pulse_w, power_w / 100) + 1
    assert abs(answer["dv"] - 2300) <= 6
    # A pulse in 2 s, of some 14 mA a Hz of an HLW8012 with 1 mOhm.
    assert abs(answer["ma"] - power_w / 0.23) <= 12
    assert answer["mhz"] == 0


def test_chips_and_data_sheets_have_the_same_frequencies():
    """Of the HLW8012's typical circuit, as tinkerman.cat has it: about 12 W, 15 mA, 0.5 V a Hz."""
    sent = {"cf": 0, "cf1": 0}

    def pulse(output, count):
        sent[output] += count

    channel = Channel(230.0, 1000.0)
    chip = Hlw8012Chip(channel, pulse)
    for second in range(100):
        if second == 50:
            volts = sent["cf1"]
        channel.step(230.0, 1000.0, 0.0)
        chip.select(int(second < 50))
        chip.step()
    assert 79 <= sent["cf"] / 100 <= 82
    assert 455 <= volts / 50 <= 475
    assert 290 <= (sent["cf1"] - volts) / 50 <= 305
    # A BL0937 at 16 A and 230 V, 1 mOhm, 2 MOhm to 1 kOhm: 1721506 x 0.016 x 0.115 / 1.4835.
    assert (
        2130
        <= Hlw8012Chip(channel, pulse, BL0937, divider=2001.0).pulses_per_wh * 3680 / 3600
        <= 2140
    )


def test_a_calibration_corrects_it(boot):
    parts = {"voltage_error": 0.02, "current_error": -0.03, "power_error": 0.05}
    wrong = Rig(boot, 2300.0, **parts).run(14)
    assert abs(wrong["dv"] - 2346) <= 6
    assert abs(wrong["ma"] - 9700) <= 12
    assert abs(wrong["w"] - 2415) <= 25
    found = {"voltage": [980392, 0], "current": [1030928, 0], "power": [952381, 0]}
    found |= {"energy": 952381}
    found["check"] = check_of("hlw8012", found)
    rig = Rig(boot, 2300.0, calibration=found, **parts)
    right = rig.run(60)
    assert abs(right["dv"] - 2300) <= 6
    assert abs(right["ma"] - 10_000) <= 12
    assert abs(right["w"] - 2300) <= 25
    assert abs(right["register_wh"] - rig.channel.absolute_wh) <= 1


def test_boards_may_invert_sel(boot):
    answer = Rig(boot, 2300.0, {"sel_voltage": 0}, sel_voltage=0).run(14)
    assert abs(answer["dv"] - 2300) <= 6
    assert abs(answer["ma"] - 10_000) <= 12


def test_energy_has_each_pulse(boot):
    rig = Rig(boot, 5000.0)
    rig.run(120)
    assert rig.sent["cf"] > 48_000  # more than the board's counter holds
    assert rig.answer["register_wh"] == int(rig.sent["cf"] / rig.chip.pulses_per_wh)


def test_no_load_and_no_chip(boot):
    """A chip that is off shows 0 V, one without load does not; neither is a fault."""
    rig = Rig(boot, 1150.0)
    rig.run(10)
    rig.channel.power_w = 0.0
    idle = rig.run(8)
    assert (idle["w"], idle["ma"]) == (0, 0)
    assert abs(idle["dv"] - 2300) <= 6
    rig.chip.cut_power()
    dead = rig.run(8)
    assert (dead["w"], dead["ma"], dead["dv"]) == (0, 0, 0)
    rig.chip.restore_power()
    rig.channel.power_w = 690.0
    again = rig.run(14)
    assert abs(again["w"] - 690) <= 13
    assert abs(again["dv"] - 2300) <= 6


def test_noise_is_refused_by_name(boot):
    rig = Rig(boot, 1150.0)
    before = rig.run(5)["register_wh"]
    rig._moves.append([1000 * rig.second, PINS["cf"], "+20000"])
    fault = rig.run(1)
    assert fault["fault"] == "SensorRefused"
    assert "more than a chip sends" in fault["text"]
    assert rig.run(5)["register_wh"] - before <= 3
