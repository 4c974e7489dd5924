"""Each figure of the page: what is drawn, and what it says in words."""

from __future__ import annotations

from collections import defaultdict
from statistics import median

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from truewatt.demo.html import metered, plots
from truewatt.demo.html.plots import CONTROL, GOOD, INK, LIMIT, PALE, SUN, TWIN
from truewatt.demo.html.run_data import RunData

_MICRO = 1_000_000
_END_COLOURS = {"done": CONTROL, "refused": LIMIT, "expired": TWIN, "open": INK}
_END_MARKS = {"done": "|", "refused": "x", "expired": "o", "open": "^"}


def load(run: RunData) -> str:
    """With control, without, and the limit in force."""
    t_ms = run.physics.t_ms
    control, twin = (run.physics.series(name) for name in ("feeder_w", "feeder_uncontrolled_w"))
    peak = run.report["peak_load_w"]

    def draw(axes: Axes) -> None:
        kw = [value / 1000 for value in control]
        kept = plots.thinned(kw)
        axes.fill_between([plots.when(t_ms[i]) for i in kept], [kw[i] for i in kept], color=PALE)
        free = [value / 1000 for value in twin]
        plots.curve(axes, t_ms, free, color=TWIN, lw=1.3, label="without control")
        plots.curve(axes, t_ms, kw, color=CONTROL, lw=1.6, label="with control")
        limit = [(at, watts / 1000) for at, watts in _changes(run.limit_w)]
        style = {"color": LIMIT, "lw": 1.4, "ls": "--", "label": "limit of all sections"}
        plots.steps(axes, limit, t_ms[-1], **style)
        axes.axhline(0, color=INK, lw=0.8)
        # A limit far above all loads, as before the operator's, must not flatten the picture.
        least = min((watts for _, watts in run.limit_w), default=0.0) / 1000
        axes.set_ylim(min([*kw, *free, 0.0]) - 1, 1.15 * max([*kw, *free, least]))
        axes.set_ylabel("load, kW")
        axes.margins(x=0.01)
        plots.times(axes)
        plots.legend(axes)

    words = (
        f"Load at the transformer in kW over simulated time. Its 15-minute peak is"
        f" {peak['with_control'] / 1000:.1f} kW with control and"
        f" {peak['without_control'] / 1000:.1f} kW without."
    )
    return plots.drawn("Load of the feeder", words, draw, 3.6)


def _changes(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    return [p for i, p in enumerate(points) if i == 0 or p[1] != points[i - 1][1]]


def prices(run: RunData) -> str:
    """Each energy type's price."""
    series = dict(sorted(run.chain.prices.items()))
    end_ms = run.span_ms[1]

    def draw(axes: Axes) -> None:
        for name in sorted(series, key=lambda one: (one != "mix", one)):
            points = [(at, micro / _MICRO) for at, micro in series[name]]
            style = {"label": "supply mix" if name == "mix" else name, "lw": 1.8}
            style |= {"color": plots.ENERGY_COLOURS.get(name, GOOD)}
            style |= {"ls": plots.DASHES.get(name, "-.")}
            plots.steps(axes, points, end_ms, **style)
        axes.set_ylabel("price per kWh")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2f}"))
        axes.margins(x=0.01)
        plots.times(axes)
        plots.legend(axes)

    ranges = []
    for name, points in series.items():
        low, high = (pick(micro for _, micro in points) / _MICRO for pick in (min, max))
        ranges.append(f"{name} {low:.3f} to {high:.3f}")
    words = "Price per kWh of each energy type over simulated time: " + ", ".join(ranges) + "."
    return plots.drawn("Price by energy type", words, draw)


def homes(rows: list[tuple[str, float, float]]) -> str:
    """Bars of each home's energy: `rows` of (home, load kWh, solar kWh)."""

    def draw(axes: Axes) -> None:
        at = range(len(rows))
        axes.bar([i - 0.2 for i in at], [row[1] for row in rows], 0.4, color=CONTROL, label="load")
        axes.bar([i + 0.2 for i in at], [row[2] for row in rows], 0.4, color=SUN, label="solar")
        axes.set_xticks(list(at), [row[0] for row in rows], rotation=90 if len(rows) > 16 else 0)
        axes.set_ylabel("energy, kWh")
        axes.margins(x=0.01)
        plots.legend(axes)

    words = "Energy of each home in kWh, load and solar: " + "; ".join(
        f"{name} {taken:.1f} and {given:.1f}" for name, taken, given in rows
    )
    return plots.drawn("Energy of each home", words, draw, 2.8)


def commands(run: RunData) -> str:
    """When each board was commanded, and how it ended."""
    boards = sorted({life.board for life in run.chain.lives.values()}, key=_natural)
    at = {board: number for number, board in enumerate(boards)}
    by_end: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for life in run.chain.lives.values():
        by_end[life.status].append((plots.when(life.issued_ms), at[life.board]))

    def draw(axes: Axes) -> None:
        for end, points in sorted(by_end.items()):
            x, y = zip(*points, strict=True)
            colour, mark = _END_COLOURS.get(end, INK), _END_MARKS.get(end, "s")
            words = f"{end} ({len(points)})"
            axes.scatter(x, y, s=26, linewidths=1.2, label=words, color=colour, marker=mark)
        axes.set_yticks(range(len(boards)), boards, fontsize=8 if len(boards) > 14 else 10)
        axes.set_ylim(len(boards) - 0.4, -0.6)
        axes.margins(x=0.01)
        plots.times(axes)
        plots.legend(axes)

    words = "Each command by the time it was ordered and its board: " + ", ".join(
        f"{len(points)} {end}" for end, points in sorted(by_end.items())
    )
    return plots.drawn("Commands", words, draw, max(1.6, 0.9 + 0.16 * len(boards)))


def lives(run: RunData) -> str:
    """How long commands took, from their block to the board's act, as shares."""
    speed = float(run.report["speed"])
    took = sorted(
        (life.ended_ms - life.issued_ms) / 1000 / speed
        for life in run.chain.lives.values()
        if life.status == "done" and life.ended_ms is not None
    )

    def draw(axes: Axes) -> None:
        shares = [100 * (i + 1) / len(took) for i in range(len(took))]
        axes.step(took, shares, where="post", color=CONTROL, lw=1.8)
        axes.set_xlabel(f"real seconds from the block to the board's act (simulated: x{speed:g})")
        axes.set_ylabel("share of commands, %")
        axes.set_ylim(0, 102)
        axes.set_xlim(left=0)

    half = f"; half took at most {median(took):.2f} s" if took else ""
    words = f"Share of done commands by how long they took, in real seconds{half}."
    return plots.drawn("How long commands took", words, draw, 2.6)


def voltage(run: RunData) -> str:
    """Ten-minute means of every board's voltage against EN 50160's band."""
    means = {name: metered.ten_minute_means(m.volts) for name, m in sorted(run.metered.items())}

    def draw(axes: Axes) -> None:
        for name, points in means.items():
            first = name in run.sections
            style = {"color": CONTROL if first else PALE, "lw": 1.6 if first else 0.9}
            plots.curve(axes, [t * 1000 for t, _ in points], [v for _, v in points], **style)
        for factor in (0.9, 1.1):
            axes.axhline(metered.NOMINAL_V * factor, color=LIMIT, lw=1.4, ls="--")
        axes.set_ylabel("voltage, V")
        axes.margins(x=0.01)
        plots.times(axes)

    values = [value for points in means.values() for _, value in points]
    span = f" They lie between {min(values):.1f} and {max(values):.1f} V." if values else ""
    words = f"Ten-minute means of the voltage at each board, within 207 and 253 V.{span}"
    return plots.drawn("Voltage", words, draw, 2.8)


def unseen(gaps: dict[str, list[metered.Gap]]) -> str:
    """What each section took that no meter behind it saw, in percent of its traffic."""
    marks = dict(zip(sorted(gaps), ("-", "--", ":", "-."), strict=False))
    colours = dict(zip(sorted(gaps), (CONTROL, TWIN, GOOD, LIMIT), strict=False))

    def draw(axes: Axes) -> None:
        for name, points in sorted(gaps.items()):
            style = {"color": colours.get(name, INK), "ls": marks.get(name, "-"), "label": name}
            t_ms = [gap.start_s * 1000 for gap in points]
            plots.curve(axes, t_ms, [gap.unseen_wh * 4 for gap in points], lw=1.6, **style)
        axes.axhline(0, color=INK, lw=0.8)
        axes.set_ylabel("mean power, W")
        axes.margins(x=0.01)
        plots.times(axes)
        plots.legend(axes)

    words = "What each section took and no meter behind it saw, mean W by quarter of an hour."
    return plots.drawn("Unseen by meters", words, draw, 2.6)


def _natural(name: str) -> tuple[int, int, str]:
    digits = "".join(filter(str.isdigit, name))
    return (0 if name.startswith("x") else 1, int(digits or 0), name)
