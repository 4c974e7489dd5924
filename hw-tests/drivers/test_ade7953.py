"""The ADE7953 driver on MicroPython against the emulated chip on emulated I2C."""

import pytest
from bench import check_of

from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.wires.ade7953 import Ade7953Chip, Part


@pytest.fixture
def bench(tmp_path, start):
    """`bench(*channels, ...)`: the chip, and what boots a board on it."""
    chips = []

    def make(*channels, **parts):
        chip = Ade7953Chip(list(channels), tmp_path / "m1.i2c", **parts)
        chips.append(chip)
        boot = start("ade7953", lambda: None)

        def on(sensor=1, calibration=None, **metering):
            if calibration:
                calibration = calibration | {"check": check_of("ade7953", calibration)}
            return boot(
                uart=str(chip.path),
                metering={"driver": "ade7953", "scl": 25, "sda": 26} | metering,
                channel={
                    "kind": "load",
                    "energy": "grid",
                    "sensor": sensor,
                    "calibration": calibration,
                },
            )

        return chip, on

    yield make
    for chip in chips:
        chip.close()


def settled(chip, board):
    """The first poll sets the chip up; what it measured before is nothing."""
    assert board.poll(0)["registers"] == [0, 0]
    chip.step()


def test_both_currents_with_their_directions(bench):
    chip, boot = bench(Channel(230.0, 1150.0, 500.0), Channel(230.0, -2300.0))
    first, second = boot(1), boot(2)
    settled(chip, first)
    answer = first.poll(1000)
    # By hand: sqrt(1150^2 + 500^2) = 1254 VA; / 230 V = 5.452 A; 1150 / 1254 = 0.917.
    assert (answer["dv"], answer["ma"], answer["w"], answer["pf"]) == (2300, 5452, 1150, 917)
    assert answer["var"] == 500
    assert abs(answer["mhz"] - 50_000) <= 12  # one step of the period
    settled(chip, second)
    answer = second.poll(1000)
    assert (answer["ma"], answer["w"], answer["reverse"]) == (10_000, -2300, True)


def test_energy_is_counted_in_both_directions(bench):
    channel = Channel(230.0, 3600.0)
    chip, boot = bench(channel)
    board = boot()
    settled(chip, board)
    board.poll(1000)
    for second in range(2, 122):
        channel.step(230.0, 3600.0 if second < 62 else -1800.0, 0.0)
        chip.step()
        answer = board.poll(1000 * second)
    assert abs(answer["registers"][0] - 60) <= 1
    assert abs(answer["registers"][1] - 30) <= 1


def test_a_calibration_corrects_gain_and_phase(bench):
    channel = Channel(230.0, 1150.0, 1992.0)  # power factor 0.5: where a phase error shows
    part = Part(current_error=-0.03, power_error=0.05, phase_lead_deg=1.2)
    chip, boot = bench(channel, parts=(part,), voltage_error=0.02)
    wrong = boot()
    settled(chip, wrong)
    assert wrong.poll(1000)["w"] > 1200
    found = {"voltage": [980392, 0], "current": [1030928, 0], "phase": 60}
    # 1.02 x 0.97 x 1.05 = 1.03887.
    found |= {"power": [962584, 0], "energy": 962584}
    right = boot(calibration=found)
    settled(chip, right)
    answer = right.poll(1000)
    assert (answer["dv"], answer["ma"]) == (2300, 10_001)  # the current's Q is 1992, not 1991.9
    assert abs(answer["w"] - 1150) <= 2
    ahead = boot(calibration=found | {"phase": -60})
    settled(chip, ahead)
    assert ahead.poll(1000)["w"] > 1220  # the other way it gets worse, not better


def test_amplifiers_scale_all(bench):
    channel = Channel(230.0, 920.0)
    chip, boot = bench(channel)
    board = boot(pga_current_a=16, pga_voltage=2)
    settled(chip, board)
    answer = board.poll(1000)
    assert (answer["dv"], answer["ma"], answer["w"]) == (2300, 4000, 920)
    for second in range(2, 62):
        channel.step(230.0, 920.0, 0.0)
        chip.step()
        answer = board.poll(1000 * second)
    assert abs(answer["registers"][0] - 15) <= 1


def test_a_chip_without_power_is_set_up_anew(bench):
    channel = Channel(230.0, 3600.0)
    chip, boot = bench(channel)
    board = boot()
    settled(chip, board)
    board.poll(1000)
    chip.step()
    before = board.poll(2000)["registers"]
    chip.cut_power()
    answer = board.poll(3000)
    assert answer["fault"] == "SensorSilent"
    assert "pull-ups" in answer["text"]
    chip.restore_power()
    chip.step()
    assert board.poll(4000)["what"] == 0
    for second in range(5, 15):
        chip.step()
        answer = board.poll(1000 * second)
    assert answer["w"] == 3600  # it would be 5 % more without the setting that the data sheet wants
    assert 9 <= answer["registers"][0] - before[0] <= 11


def test_a_silence_in_which_the_counter_goes_round_invents_nothing(bench):
    channel = Channel(230.0, 30_000.0)
    chip, boot = bench(channel)
    board = boot()
    settled(chip, board)
    before = board.poll(1000)["registers"]
    for _ in range(60):  # 8.3e6 counts are 43 s at 30 kW: its sign is now wrong
        chip.step()
    assert board.poll(61_000)["registers"] == before
    chip.step()
    assert board.poll(62_000)["registers"][0] in (before[0] + 8, before[0] + 9)
