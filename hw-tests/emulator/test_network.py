"""The sweep against an independent solution, its data against a second source, and its limits."""

import math
import tomllib
from pathlib import Path
from random import Random

import numpy
import pytest

from truewatt.emulator.json_table import RigConfigError
from truewatt.emulator.physics.feeder import Feeder
from truewatt.emulator.physics.home import Home
from truewatt.emulator.physics.network import load_network, network_names, parse_network
from truewatt.emulator.physics.sweep import Sweep
from truewatt.emulator.physics.tree import build_tree

DATA = Path(__file__).parents[2] / "tools/truewatt/emulator/physics/networks"
TURN = [numpy.exp(-2j * math.pi * phase / 3) for phase in range(3)]


class Constant:
    def __init__(self, load_w: float, pv_w: float = 0.0) -> None:
        self.power = (load_w, pv_w)

    def minute(self, _: int) -> tuple[float, float]:
        return self.power


class Nodal:
    """All 18 nodes with four conductors each, solved by nodal equations: nothing is reduced.

    From the raw file, with its own transformer and neutral, and none of the emulator's code.
    """

    def __init__(self) -> None:
        raw = tomllib.loads((DATA / "cigre_lv_residential.toml").read_text())
        codes = {c["name"]: numpy.array(c["r"]) + 1j * numpy.array(c["x"]) for c in raw["code"]}
        names = {raw["busbar"]}
        for line in raw["line"]:
            names |= {line["from"], line["to"]}
        self.at = {name: 4 * number for number, name in enumerate(sorted(names))}
        self.y = numpy.zeros((4 * len(names),) * 2, dtype=complex)
        for line in raw["line"]:
            y = numpy.linalg.inv(codes[line["code"]] * line["length_m"] / 1000)
            self._stamp(self.at[line["from"]], self.at[line["to"]], y)
        self.busbar = self.at[raw["busbar"]]

    def _stamp(self, a: int, b: int, y: numpy.ndarray) -> None:
        for i, j, sign in ((a, a, 1), (b, b, 1), (a, b, -1), (b, a, -1)):
            self.y[i : i + 4, j : j + 4] += sign * y

    def solve(
        self, voltage_v: float, source: numpy.ndarray, taps: list[tuple[str, int, complex, complex]]
    ) -> list[complex]:
        """Voltages at the taps (node, phase, cable, VA); Newton would be no more exact."""
        y = self.y.copy()
        b = self.busbar
        y_source = numpy.linalg.inv(source)
        y[b : b + 3, b : b + 3] += y_source
        # The neutral is earthed at the transformer.
        y[b + 3, b + 3] += 1e6
        current = numpy.zeros(len(y), dtype=complex)
        voltages = [voltage_v * TURN[phase - 1] for _, phase, _, _ in taps]
        feed = y_source @ (voltage_v * numpy.array(TURN))
        for _ in range(100):
            current[:] = 0
            # What returns through the earth electrode is the neutral's current at the transformer.
            current[b : b + 3] = feed
            for (node, phase, _, demand), volts in zip(taps, voltages, strict=True):
                amps = numpy.conj(demand / volts)
                current[self.at[node] + phase - 1] -= amps
                current[self.at[node] + 3] += amps
            nodes = numpy.linalg.solve(y, current)
            new = []
            for (node, phase, z, demand), volts in zip(taps, voltages, strict=True):
                at = self.at[node]
                amps = numpy.conj(demand / volts)
                new.append(nodes[at + phase - 1] - nodes[at + 3] - z * amps)
            change = max(abs(x - y) for x, y in zip(new, voltages, strict=True))
            voltages = new
            if change < 1e-9:
                return voltages
        raise AssertionError("the reference did not settle")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_sweep_agrees_with_nodal_equations(seed: int) -> None:
    random = Random(seed)
    network = load_network()
    names = [f"x{number}" for number in range(1, 6)]
    sweep = Sweep(build_tree(network, names), network.source_z, 230.0)
    tree = build_tree(network, names)
    taps, demands = [], []
    for number, name in enumerate(names):
        for home in range(6):
            phase, z = random.choice((1, 1, 2, 3)), network.service(home)
            demand = complex(random.uniform(-4000, 9000), random.uniform(0, 1500))
            sweep.add_tap(tree.sections[name], phase, z)
            taps.append((network.connection(number), phase, z, demand))
            demands.append(demand)
    sweep.solve(demands)
    source = numpy.array(network.source_z).reshape(3, 3)
    expected = Nodal().solve(230.0, source, taps)
    assert max(abs(a - b) for a, b in zip(sweep.tap_v, expected, strict=True)) < 0.005
    assert min(map(abs, sweep.tap_v)) < 222, "a load worth solving for"
    # Kirchhoff, with the losses in cables, service cables included.
    drawn = sum(v * i.conjugate() for v, i in zip(sweep.tap_v, sweep.tap_a, strict=True))
    given = sum(v * i.conjugate() for v, i in zip(sweep.node_v[:3], sweep.node_a[:3], strict=True))
    assert 0 < (given - drawn).real < 0.25 * given.real


def test_the_data_agree_with_a_second_source() -> None:
    """pandapower's positive-sequence values; those of the matrices are rounded to 1 mOhm."""
    raw = tomllib.loads((DATA / "cigre_lv_residential.toml").read_text())
    for code in raw["code"]:
        r, x = numpy.array(code["r"])[:3, :3], numpy.array(code["x"])[:3, :3]
        z = r + 1j * x
        self_z = numpy.trace(z) / 3
        mutual = (z.sum() - numpy.trace(z)) / 6
        published = {"UG1": 0.162 + 0.0832j, "UG3": 0.822 + 0.0847j}[code["name"]]
        assert abs(self_z - mutual - published) < 0.003
    network = load_network()
    # 500 kVA at 400 V: 3.2 + j12.8 mOhm, and two thirds of 1.6 mOhm above it.
    above = 400**2 / 100e6 / math.sqrt(2) * 2 / 3
    assert network.source_z[0] == pytest.approx(0.0032 + 0.0128j + above * (1 + 1j), abs=1e-6)
    assert len(network.lines) == 17
    assert network_names() == ("cigre_lv_residential",)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('busbar = "R1"', 'busbar = "R99"', "network.line"),
        ('to = "R2"', 'to = "R1"', "network.line"),
        ('"R11", "R15"', '"R11", "R77"', "network.placement.connections"),
        ("length_m = 30\n", "length_m = -30\n", "network.line[9].length_m"),
        ("[[0.211,", '[["0.211",', "network.code[0].r"),
        ("resistive_percent = 1.0", "resistive_percent = 9.0", "network.transformer.resistive_pe"),
        ("nominal_v = 400", "nominal_v = ", "network"),
        ("nominal_v = 400", "nominal_w = 400", "network.nominal_w"),
    ],
)
def test_a_wrong_network_names_its_key(old: str, new: str, key: str) -> None:
    text = (DATA / "cigre_lv_residential.toml").read_text()
    assert old in text
    with pytest.raises(RigConfigError) as caught:
        parse_network(text.replace(old, new, 1))
    assert caught.value.key.startswith(key)


def street(homes: int, sections: int, load_w: float, pv_w: float = 0.0) -> Feeder:
    return Feeder(
        Home(f"h{n}", f"x{n * sections // homes}", None, Constant(load_w, pv_w), {})
        for n in range(homes)
    )


def test_three_hundred_homes_are_placed_by_the_rule() -> None:
    feeder = street(300, 30, 400.0)
    for second in range(5):
        feeder.step(second)
    phases = [home.phase for home in feeder.homes.values()]
    assert [phases.count(phase) for phase in (1, 2, 3)] == [120, 90, 90]
    assert len({section.node for section in feeder.sections.values()}) == 30
    volts = [home.voltage_v for home in feeder.homes.values()]
    assert 200 < min(volts) < max(volts) < 230
    net_w = sum(section.net.power_w for section in feeder.sections.values())
    assert 300 * 400 < net_w < feeder.total.power_w
    assert feeder.transformer.neutral_a > 10, "ten homes do not share out evenly over three phases"


@pytest.mark.parametrize("load_w", [20_000, 100_000, 1e6, 1e9, -1e6])
def test_an_impossible_load_browns_out_and_comes_back(load_w: float) -> None:
    feeder = street(30, 3, 500.0)
    feeder.step(0)
    before = feeder.homes["h0"].voltage_v
    for home in feeder.homes.values():
        home.fault_w = load_w
    for second in range(1, 4):
        feeder.step(second)
        assert feeder.sweep.rounds <= 25
        for home in feeder.homes.values():
            assert 0 <= home.voltage_v < 1000
            assert math.isfinite(home.load.energy_wh)
        fed_w = sum(home.net.power_w for home in feeder.homes.values())
        assert feeder.losses_w == pytest.approx(feeder.total.power_w - fed_w, abs=1.0)
        assert feeder.losses_w >= 0
    assert feeder.brownout_s == 3
    for home in feeder.homes.values():
        home.fault_w = 0.0
    feeder.step(9)
    assert feeder.homes["h0"].voltage_v == pytest.approx(before, abs=0.01)
    assert feeder.sweep.served == 1


def test_a_sections_meter_sees_its_service_cables_and_its_fault() -> None:
    feeder = street(30, 3, 1000.0)
    feeder.step(0)
    section = feeder.sections["x0"]
    homes_w = 10 * 1000.0
    assert homes_w < section.net.power_w < 1.01 * homes_w
    feeder.set_fault("x0", 6000.0)
    feeder.step(1)
    assert section.net.power_w == pytest.approx(homes_w + 6000, rel=0.01)
    others_w = sum(feeder.sections[name].net.power_w for name in ("x1", "x2"))
    assert feeder.losses_w < 0.05 * (homes_w * 3 + 6000)
    assert others_w == pytest.approx(2 * homes_w, rel=0.01)
    section.closed = False
    feeder.step(2)
    assert section.net.power_w == pytest.approx(0)
    assert section.meter.phases[0].voltage_v > 220
