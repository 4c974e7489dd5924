"""The page's sections, from the run's data to markup; one without data says so or is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from truewatt.demo.html import figures, metered
from truewatt.demo.html.chain import Finding, Life
from truewatt.demo.html.run_data import RunData
from truewatt.demo.html.tables import (
    DASH,
    MINUS,
    Cell,
    bar,
    clock,
    figure,
    filtered,
    good,
    grouped,
    number,
    table,
    tiles,
)

_MICRO = 1_000_000


def summary(run: RunData) -> str:
    """Whether the run held what it promised, and its main figures."""
    report = run.report
    peak, price = report["peak_load_w"], report["price_micro_per_kwh"]
    saved = 1 - peak["with_control"] / peak["without_control"] if peak["without_control"] else 0.0
    delay = report["event_to_relay_ms"]["p50"]
    seconds = DASH if delay is None else f"{delay / 1000 / report['speed']:.2f} s"
    verified = "every one verified" if report["ledger_verified"] else "NOT VERIFIED"
    low, high = price["min"] / _MICRO, price["max"] / _MICRO
    main = [
        (
            f"{peak['with_control'] / 1000:.1f} kW",
            f"15-minute peak; {peak['without_control'] / 1000:.1f} kW without control",
        ),
        (f"{-saved:+.0%}".replace("-", MINUS), "change of the peak by control"),
        (f"{report['readings_lost']} of {grouped(report['readings_signed'])}", "readings lost"),
        (
            grouped(report["commands_done"]),
            f"commands done of {grouped(report['commands_issued'])}",
        ),
        (seconds, "real time from a block to the moved contact, median"),
        (f"{report['energy_balance_error']:.3%}", "metered energy against the physics"),
        (f"{low:.2f}{DASH}{high:.2f}", "price of a kWh, supply mix"),
        (grouped(report["height"]), f"blocks, {verified}"),
    ]
    return _verdict(report) + tiles(main)


def _verdict(report: Mapping[str, Any]) -> str:
    broken = report.get("failures", [])
    if not broken:
        return (
            '<div class="verdict"><strong>\u2713 The run held its promises.</strong> Nothing was'
            " lost or counted twice, contracts moved relays, metered energy agrees with the"
            " physics, and the ledger verifies.</div>"
        )
    lines = "".join(f"<li>{escape(line)}</li>" for line in broken)
    head = f"\u2717 The run broke {len(broken)} of its promises."
    return f'<div class="verdict broken"><strong>{head}</strong><ul>{lines}</ul></div>'


def load(run: RunData) -> str:
    """Load with and without control."""
    now = run.report["peak_instant_w"]
    words = (
        "Without control is the same street, second by second, on which nobody switches anything."
        f" The highest instant was {now['with_control'] / 1000:.1f} kW with control and"
        f" {now['without_control'] / 1000:.1f} kW without."
    )
    return f"<p>{words}</p>{figure(figures.load(run))}"


def prices(run: RunData) -> str:
    """Price by energy type."""
    if not run.chain.prices:
        return "<p>The ledger set no price.</p>"
    words = "Set by the contract each interval from admitted load and generation."
    return f"<p>{words}</p>{figure(figures.prices(run))}"


def homes(run: RunData) -> str:
    """Energy and cost of each home, by its signed readings and the ledger's prices."""
    found = [
        (name, board, section, run.metered.get(board, metered.Metered()))
        for section, names in run.sections.items()
        for name in names
        for board in (run.meters.get(name, ""),)
    ]
    energy = [(metered.total_wh(own.taken), metered.total_wh(own.given)) for *_, own in found]
    most = max((taken for taken, _ in energy), default=1) or 1
    cells: list[Sequence[Cell]] = []
    for (name, board, section, own), (taken, given) in zip(found, energy, strict=True):
        cost, worth = metered.costs(own, run.chain.prices)
        money = [number(micro / _MICRO, 2) for micro in (cost, worth, cost - worth)]
        kwh = [number(taken / 1000, 2), bar(taken / most), number(given / 1000, 2)]
        cells.append((name, board, section, *kwh, *money))
    heads = ["home", "meter", "section", "load, kWh>", "", "solar, kWh>"]
    heads += ["cost>", "solar's worth>", "balance>"]
    words = (
        "From signed readings: the load at the mix's price in force when it was read, solar at its"
        " own price. A picture of what prices mean, not a bill."
    )
    bars = [(row[0], t / 1000, g / 1000) for row, (t, g) in zip(found, energy, strict=True)]
    plot = figure(figures.homes(bars))
    shown = table(heads, cells, "Energy and cost of each home", "homes-table")
    return f"<p>{words}</p>{plot}{shown}"


def commands(run: RunData) -> str:
    """Every command's life."""
    lives = sorted(run.chain.lives.values(), key=lambda life: life.issued_ms)
    if not lives:
        return "<p>No contract commanded anything.</p>"
    speed = float(run.report["speed"])

    cells = [_command(life, speed) for life in lives]
    heads = ("ordered", "board", "action", "asset>", "why", "acted, s>", "confirmed, s>", "end")
    words = (
        "Ordered is the time of the block; acted is when the board moved, by its own signed word,"
        " and confirmed is when the gateway knew of the delivery, both in real seconds after it."
        " Most commands renew an order before it expires, and move nothing."
    )
    box = filtered("commands-table", "Show only")
    shown = table(heads, cells, "Every command", "commands-table", tall=True)
    plots = figure(figures.commands(run)) + figure(figures.lives(run))
    return f"<p>{words}</p>{plots}{box}{shown}"


def _command(life: Life, speed: float) -> Sequence[Cell]:
    def after(at_ms: int | None) -> Cell:
        return None if at_ms is None else number((at_ms - life.issued_ms) / 1000 / speed, 2)

    done = life.status == "done"
    return (
        clock(life.issued_ms),
        life.board,
        f"{life.action} {life.value} W" if life.value else life.action,
        str(life.asset),
        life.why,
        after(life.ended_ms),
        after(life.delivered_ms),
        life.status if done else good(False, f"{life.status} {life.reason}".strip()),
    )


def accounting(run: RunData) -> str:
    """What became of every reading."""
    report = run.report
    refused = sum(report["readings_refused"].values())
    refusals = [(f"\u2003{_words(why)}", n) for why, n in report["readings_refused"].items()]
    terms = [
        (report["records_signed"], "records signed, by the boards' own journals"),
        (report["records_admitted"], "kept by the gateway"),
        (report["records_in_flight"], "still on a board, signed after the end"),
        (report["readings_late"], "late: signed in time, not arrived when the run was over"),
        (report["readings_lost"], "lost"),
    ]
    signs = ("=", "+", "+", "+", "")
    total = "".join(
        f"<div><b>{grouped(value)}</b> <span>{escape(what)}</span> {sign}</div>"
        for (value, what), sign in zip(terms, signs, strict=True)
    )
    rows: list[Sequence[Cell]] = [
        ("readings signed", report["readings_signed"]),
        ("readings kept", report["readings_admitted"]),
        ("records on the ledger", report["records_on_ledger"]),
        ("counted twice", report["readings_duplicated"]),
        ("kept, but in no journal", report["readings_foreign"]),
        ("refused by the gateway", refused),
        *refusals,
        ("power cuts on the way", report["kills"]),
    ]
    heads = ("what", "count>")
    return f'<div class="sum">{total}</div>{table(heads, rows, "Accounting of every reading")}'


def voltage(run: RunData) -> str:
    """Voltage against EN 50160."""
    rows: list[Sequence[Cell]] = []
    for section, names in run.sections.items():
        for board in (section, *(run.meters.get(name, "") for name in names)):
            means = metered.ten_minute_means(run.metered.get(board, metered.Metered()).volts)
            share = metered.in_band(means)
            if share is None:
                continue
            values = [value for _, value in means]
            verdict = good(share >= 0.95, f"{share:.0%}")
            rows.append((board, section, number(min(values)), number(max(values)), verdict))
    if not rows:
        return "<p>No board measured a voltage.</p>"
    words = "EN 50160 wants 95 % of ten-minute means within 230 V ± 10 %. Bold lines are M-LMDs."
    heads = ("board", "section", "lowest, V>", "highest, V>", "within the band")
    shown = table(heads, rows, "Voltage at each board", tall=True)
    return f"<p>{words}</p>{figure(figures.voltage(run))}{shown}"


def theft(run: RunData) -> str:
    """Section load minus the meters behind it."""
    gaps = {
        section: metered.unseen(
            run.metered.get(section, metered.Metered()),
            run.counted_behind(section),
        )
        for section in run.sections
    }
    gaps = {name: points for name, points in gaps.items() if points}
    if not gaps:
        return "<p>The run was too short: no quarter of an hour in which every board was heard.</p>"
    verdicts = {finding.section: finding for finding in run.chain.losses}
    rows = [_gap_row(name, points, verdicts.get(name)) for name, points in gaps.items()]
    words = (
        "What a section's M-LMD metered, less what the meters behind it did, is cable losses, or"
        " load that no meter saw. Registers count whole Wh, so single quarters jitter by a few."
        " The verdict is that of the contract, which allows for losses and for the meters' errors."
    )
    heads = (
        "section",
        "section, kWh>",
        "unseen, kWh>",
        "share>",
        "worst quarter, W>",
        "at",
        "verdict",
    )
    shown = table(heads, rows, "Energy unseen by meters")
    return f"<p>{words}</p>{figure(figures.unseen(gaps))}{shown}{_findings(run.chain.losses)}"


def _findings(found: Sequence[Finding]) -> str:
    """What the contract told while the run went on; empty if it suspected nothing."""
    if not found:
        return ""
    rows: list[Sequence[Cell]] = [
        (clock(one.at_ms, seconds=False), one.section, one.what, one.likely, one.mean_wh)
        for one in found
    ]
    heads = ("told at", "section", "what", "likely meter", "mean of a quarter, Wh>")
    return "<h3>Told by the contract</h3>" + table(heads, rows, "What the loss rule told")


def _gap_row(name: str, points: Sequence[metered.Gap], last: Finding | None) -> Sequence[Cell]:
    total = sum(abs(gap.section_wh) for gap in points)
    missed = sum(gap.unseen_wh for gap in points)
    worst = max(points, key=lambda gap: abs(gap.unseen_wh))
    share = missed / total if total else 0.0
    calm = last is None or last.what == "cleared"
    likely = f", likely at {last.likely}" if last is not None and last.likely else ""
    verdict = good(calm, "nothing suspected" if calm else f"energy is missing{likely}")
    return (
        name,
        number(total / 1000, 2),
        number(missed / 1000, 3),
        number(100 * share, 2),
        number(worst.unseen_wh * 4, 0),
        clock(worst.start_s * 1000, seconds=False),
        verdict,
    )


def attacks(run: RunData) -> str:
    """Attack, expected, seen; empty if nobody attacked."""
    found = run.report.get("attacks") or []
    if not found:
        return ""
    rows: list[Sequence[Cell]] = [
        (
            one["attack"],
            ", ".join(dict.fromkeys(one["expected"])),
            ", ".join(dict.fromkeys(one["seen"])),
            len(one["tries"]),
            good(not one["faults"], one["verdict"]),
        )
        for one in found
    ]
    heads = ("attack", "expected~", "seen~", "tries>", "verdict")
    return table(heads, rows, "Attacks")


def deadlines(run: RunData) -> str:
    """Assets with a deadline, met or missed; empty if the run has none."""
    found = run.report.get("deadlines") or []
    if not isinstance(found, list) or not found or not all(isinstance(x, dict) for x in found):
        return ""
    heads = list(found[0])
    rows: list[Sequence[Cell]] = [[_plain(one.get(head)) for head in heads] for one in found]
    shown = [_words(head) + (">" if _is_number(found[0][head]) else "") for head in heads]
    return table(shown, rows, "Deadlines of assets")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: object) -> Cell:
    if isinstance(value, bool):
        return good(value, "yes" if value else "no")
    if isinstance(value, float):
        return number(value)
    return value if isinstance(value, int) else str(value)
