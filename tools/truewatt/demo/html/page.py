"""Binds the sections to one page that needs no other file, no server and no network."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from importlib.resources import files
from pathlib import Path

from truewatt.demo.html import sections
from truewatt.demo.html.run_data import RunData, load
from truewatt.demo.html.tables import clock, table

REPORT_FILE = "report.html"
_DAY_MS = 86_400_000

_SECTIONS: tuple[tuple[str, str, Callable[[RunData], str]], ...] = (
    ("load", "Load, with and without control", sections.load),
    ("price", "Price", sections.prices),
    ("homes", "Homes: energy and cost", sections.homes),
    ("deadlines", "Deadlines", sections.deadlines),
    ("commands", "Every command's life", sections.commands),
    ("readings", "Every reading accounted for", sections.accounting),
    ("voltage", "Voltage", sections.voltage),
    ("unseen", "Losses, and load that no meter sees", sections.theft),
    ("attacks", "Attacks", sections.attacks),
)


def render(run: RunData) -> str:
    """The whole page."""
    made = [(name, title, make(run)) for name, title, make in _SECTIONS]
    shown = [(name, title, body) for name, title, body in made if body]
    links = "".join(f'<a href="#{name}">{escape(title)}</a>' for name, title, _ in shown)
    bodies = "\n".join(
        f'<section aria-labelledby="{name}"><h2 id="{name}">{escape(title)}</h2>{body}</section>'
        for name, title, body in shown
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Truewatt: report of a run</title>
<style>{_asset("style.css")}</style>
</head>
<body>
<header>
<h1>A street, metered and controlled</h1>
<p class="lead">{escape(_about(run))}</p>
{sections.summary(run)}
<nav aria-label="Sections">{links}</nav>
</header>
<main>
{bodies}
<section aria-labelledby="again">
<h2 id="again">The run, and how to repeat it</h2>
{_again(run)}
</section>
</main>
<footer>Written by Truewatt from the run's own files. All loads and wires were emulated; the
firmware, the gateway and the ledger were the real ones.</footer>
<script>{_asset("table.js")}</script>
</body>
</html>
"""


def days_on(start_ms: int, end_ms: int) -> str:
    """Which day the run ended on, if it was not the one that it began on."""
    days = end_ms // _DAY_MS - start_ms // _DAY_MS
    return "" if not days else " the next day" if days == 1 else f" {days} days later"


def _about(run: RunData) -> str:
    start, end = run.span_ms
    return (
        f"{run.report['boards']} boards of unchanged firmware in {len(run.sections)} sections, from"
        f" {clock(start, False)} to {clock(end, False)}{days_on(start, end)} of simulated time at"
        f" {run.report['speed']:g} times its pace."
    )


def _again(run: RunData) -> str:
    report = run.report
    command = (
        f"tools/demo --headless --minutes {report['minutes']:g} --seed {report['seed']}"
        f" --speed {report['speed']:g} --mlmds {len(run.sections)} --meters {len(run.meters)}"
        + (f" --kill {report['kills']}" if report["kills"] else "")
    )
    rows = [
        ("seed", str(report["seed"])),
        ("minutes of real time", f"{report['minutes']:g}"),
        ("simulated time's pace", f"{report['speed']:g}"),
        ("last block", str(report["height"])),
        ("state's hash after it", report["app_hash"].lower()),
    ]
    verify = f"truewatt ledger verify --home {run.folder.name}/ledger"
    return (
        table(("parameter", "value~"), rows, "Parameters of the run")
        + f"<pre>{escape(command)}\n{escape(verify)}</pre>"
        + "<p class='note'>The seed decides homes, noise and power cuts. Boards make their own"
        " keys, and processes race as they do in the field, so counts differ a little from run to"
        " run.</p>"
    )


def _asset(name: str) -> str:
    return files("truewatt.demo.html").joinpath(name).read_text(encoding="utf-8")


def write(folder: Path, target: Path | None = None) -> Path:
    """Make the page of the run in `folder`, there or at `target`; raises `NoRun`, OSError."""
    path = target or folder / REPORT_FILE
    path.write_text(render(load(folder)), encoding="utf-8")
    return path
