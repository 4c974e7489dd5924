"""What readings say of energy, cost, voltage, and of load that no meter saw."""

from truewatt.demo.html import metered
from truewatt.demo.html.metered import Metered
from wireformat.chained import Feeder, Reading

T0 = 1_782_921_600


def reading(kind: type, time_s: int, channels: list[list[int]], volts: float = 230.0):
    chained = {"epoch": 1, "seq": 0, "time_s": time_s, "flags": 0, "prev": bytes(16)}
    breaker = {"breaker": 1, "trip_cause": 0, "reclose_count": 0, "limit_w": 30_000}
    return kind(
        **chained,
        interval_s=60,
        channels=channels,
        voltage_dv=round(volts * 10),
        max_ma=0,
        **(breaker if kind is Feeder else {}),
    )


def steady(take_w: int, give_w: int = 0, kind: type = Reading, hours: int = 2) -> Metered:
    minutes = range(hours * 60 + 1)
    return metered.of_records(
        reading(
            kind,
            T0 + 60 * m,
            [[take_w * m // 60, 0, take_w, 0, 0], [give_w * m // 60, 0, give_w, 0, 0]],
        )
        for m in minutes
    )


def test_energy_is_what_the_registers_moved() -> None:
    home = steady(1200, 600)
    assert metered.total_wh(home.taken) == 2400
    assert metered.total_wh(home.given) == 1200
    assert metered.total_wh([]) == 0


def test_a_section_s_export_is_given_not_taken() -> None:
    section = metered.of_records(
        [reading(Feeder, T0, [[10, 100, 0, 0, 0]]), reading(Feeder, T0 + 60, [[10, 150, 0, 0, 0]])]
    )
    assert (metered.total_wh(section.taken), metered.total_wh(section.given)) == (0, 50)


def test_a_record_that_goes_back_in_time_is_left_out() -> None:
    home = metered.of_records(
        [reading(Reading, t, [[wh, 0, 0, 0, 0]]) for t, wh in ((T0, 0), (T0 - 5, 9), (T0 + 60, 2))]
    )
    assert [wh for _, wh in home.taken] == [0, 2]


def test_cost_is_energy_at_the_price_in_force() -> None:
    home = steady(1000)
    half_ms = (T0 + 3600) * 1000
    prices = [(T0 * 1000 - 1, 200_000), (half_ms, 300_000)]
    # 0.98 kWh at 0.20, the rest at 0.30: the reading at the change has the new price.
    assert abs(metered.cost_micro(home.taken, prices) - 501_700) < 200
    assert metered.cost_micro(home.taken, []) == 0


def test_en_50160_judges_ten_minute_means() -> None:
    volts = [(T0 + 60 * m, 230.0 if m < 570 else 200.0) for m in range(600)]
    means = metered.ten_minute_means(volts)
    assert len(means) == 60
    assert metered.in_band(means) == 0.95
    assert metered.in_band([]) is None
    # One bad minute in ten is within the band, as the standard has it.
    short = metered.ten_minute_means([(T0 + 60 * m, 200.0 if m == 3 else 230.0) for m in range(10)])
    assert metered.in_band(short) == 1.0


def test_a_bypassed_meter_shows_as_unseen_load() -> None:
    honest = metered.unseen(steady(3000, kind=Feeder), [steady(1000), steady(2000)])
    assert len(honest) == 8
    assert all(abs(gap.unseen_wh) <= 2 for gap in honest)
    stolen = metered.unseen(steady(3000, kind=Feeder), [steady(1000), steady(1000)])
    assert all(abs(gap.unseen_wh - 250) <= 2 for gap in stolen)


def test_a_quarter_with_a_hole_in_a_board_s_readings_is_not_judged() -> None:
    torn = steady(1000)
    for series in (torn.taken, torn.given):
        del series[10:20]
    gaps = metered.unseen(steady(1000, kind=Feeder), [torn])
    assert [gap.start_s for gap in gaps] == [T0 + 900 * n for n in range(2, 8)]
    assert metered.unseen(Metered(), [torn]) == []
    assert metered.unseen(steady(1000, kind=Feeder), []) == []
    assert metered.unseen(steady(1000, kind=Feeder), [Metered()]) == []
