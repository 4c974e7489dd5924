"""The ATM90E32 driver on MicroPython against the emulated chip: three phases, both directions."""

from dataclasses import dataclass, field

import pytest

from truewatt.emulator.wires.atm90e32 import Atm90e32Chip, Phase


@dataclass
class Point:
    """A metering point that a test sets."""

    phases: list[Phase] = field(default_factory=lambda: [Phase(230.0, 1000.0, 0.0)] * 3)
    frequency_hz: float = 50.0
    import_wh: float = 0.0
    export_wh: float = 0.0

    def step(self, *powers_w: float, voltage_v: float = 230.0) -> None:
        self.phases = [Phase(voltage_v, power_w, 0.25 * abs(power_w)) for power_w in powers_w]
        net_w = sum(powers_w)
        self.import_wh += max(net_w, 0.0) / 3600
        self.export_wh += max(-net_w, 0.0) / 3600


@pytest.fixture
def bench(tmp_path, start):
    """`bench(point, ...)`: the chip, and what boots a board on it."""
    chips = []

    def make(point, **part):
        chip = Atm90e32Chip(point, tmp_path / "m1.spi", 5, **part)
        chips.append(chip)
        boot = start("atm90e32", lambda: None)
        return chip, lambda **setup: boot(uart=str(chip.path), **setup)

    yield make
    for chip in chips:
        chip.close()


def set_up(chip, board):
    """The first poll sets the chip up; what it measured before is nothing."""
    assert board.poll(0)["registers"] == [0, 0]
    chip.step()


def test_signed_power_per_phase_and_in_all(bench):
    point = Point()
    point.step(3000.0, -1200.0, 460.0)
    chip, boot = bench(point)
    board = boot()
    set_up(chip, board)
    answer = board.poll(1000)
    # Currents by hand: 3000 x sqrt(1 + 0.25^2) / 230 = 13.445 A; x 1200: 5.378; x 460: 2.062.
    assert answer["phase_ma"] == [13445, 5378, 2062]
    assert (answer["w"], answer["dv"], answer["ma"], answer["mhz"]) == (2260, 2300, 13445, 50000)
    assert answer["phase_w"] == [3000, -1200, 460]
    assert abs(answer["var"] - 1165) <= 1


def test_an_exporting_section_counts_export(bench):
    point = Point()
    chip, boot = bench(point)
    board = boot()
    set_up(chip, board)
    for second in range(1, 3601):
        point.step(-4000.0, 500.0, 500.0)
        chip.step()
        if second % 60 == 0:
            answer = board.poll(second * 1000)
    assert answer["w"] == -3000
    assert answer["registers"][0] <= 1  # the first second, before this
    assert 0 <= point.export_wh - answer["registers"][1] <= 2


def test_current_transformers_and_gains_scale_all(bench):
    point = Point()
    point.step(20_000.0, 18_000.0, 16_000.0)
    chip, boot = bench(point, ratio=4)
    board = boot(ratio=4)
    set_up(chip, board)
    for _ in range(3599):
        chip.step()
    assert board.poll(3_600_000)["what"] == 0
    answer = board.poll(3_601_000)
    assert abs(answer["w"] - 54_000) <= 1
    assert abs(answer["ma"] - 89_634) <= 4
    # An hour without a poll: 54 kWh are 66 ranges of the 16-bit counter, which lose, never invent.
    assert answer["registers"][0] <= 54_000


def test_a_chip_that_lost_its_supply_is_set_up_again(bench):
    point = Point()
    chip, boot = bench(point)
    board = boot()
    set_up(chip, board)
    for _ in range(60):
        chip.step()
    before = board.poll(60_000)["registers"]
    chip.cut_power()
    assert board.poll(61_000)["fault"] == "SensorSilent"
    chip.restore_power()
    assert board.poll(62_000)["registers"] == before
    for _ in range(60):
        chip.step()
    after = board.poll(122_000)
    assert abs(after["registers"][0] - before[0] - 50) <= 1
    assert after["w"] == 3000


def test_a_wrong_mode_is_named(bench):
    _, boot = bench(Point())
    answer = boot(polarity=0).poll(0)
    assert answer["fault"] == "SensorSilent"
    assert "SPI" in answer["text"]
