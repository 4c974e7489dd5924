"""What `truewatt bench gateway ingest` prints: figures beside limits, where the time goes."""

import os
from dataclasses import dataclass

from truewatt.bench._gateway_rows import Row

Figures = dict[str, float]

RATE_LIMIT = 8000
HALF = RATE_LIMIT // 2
P99_LIMIT_MS, RSS_LIMIT_MB, GROWTH_LIMIT = 100, 150, 0.10

SETTLED = 1_000_000
"""Readings after which memory counts as settled, if there are as many; else a third of them."""


@dataclass(frozen=True)
class Limits:
    """Bars of a long run: memory may not grow by more than `growth` of what it was once settled."""

    growth: float = GROWTH_LIMIT


def print_report(
    full: Figures,
    half: Figures | None,
    rows: list[Figures] | None = None,
    limits: Limits | None = None,
) -> list[Row]:
    """Print the tables, and return the bars."""
    rate = full["committed"] / full["busy_s"]
    table: list[Row] = [
        Row(
            "sustained, all committed",
            f"{rate:,.0f}",
            "/s",
            f">= {RATE_LIMIT:,}",
            rate >= RATE_LIMIT,
        )
    ]
    if half:
        p99_ms = half["p99_ms"]
        passed = p99_ms <= P99_LIMIT_MS
        name = f"p99 from receipt to commit, {HALF:,}/s"
        table.append(Row(name, f"{p99_ms:.0f}", "ms", f"<= {P99_LIMIT_MS}", passed))
    rss_mb = max(one["rss_mb"] for one in (rows or [full]))
    table.append(Row("memory, with its children", f"{rss_mb:.0f}", "MB", f"<= {RSS_LIMIT_MB}",
                     rss_mb <= RSS_LIMIT_MB))  # fmt: skip
    if rows and limits and len(rows) > 2:
        table.append(_growth(rows, limits))
    table.append(Row("refused", f"{full['refused']:,.0f}", "", "0", not full["refused"]))
    print(f"\n{'figure':36} {'value':>14} {'limit':>10}")
    for row in table:
        value, verdict = f"{row.value} {row.unit}".strip(), "pass" if row.passed else "FAIL"
        print(f"{row.name:36} {value:>14} {row.limit:>10} {verdict}")
    if half:
        print(f"{f'p50 from receipt to commit, {HALF:,}/s':36} {half['p50_ms']:>11.0f} ms")
    print_cpu(full)
    return table


def _growth(rows: list[Figures], limits: Limits) -> Row:
    settled = min(SETTLED, rows[-1]["committed"] / 3)
    base_mb = next(row["rss_mb"] for row in rows if row["committed"] >= settled)
    growth = rows[-1]["rss_mb"] / base_mb - 1
    name = f"growth of it, to {rows[-1]['committed'] / 1e6:.1f} million"
    return Row(name, f"{100 * growth:+.0f}", "%", f"<= {100 * limits.growth:.0f} %",
            growth <= limits.growth)  # fmt: skip


def print_cpu(full: Figures) -> None:
    """Where the time goes, and what would double the rate."""
    count = full["committed"]
    parts = {
        "signatures (libsodium, processes)": full["cpu_verify"],
        "rules: chain, position, plausibility": full["cpu_judge"],
        "commit: SQLite, synchronous FULL": full["cpu_commit"],
        "log into database (checkpoint)": full["cpu_checkpoint"],
        "socket, packets, PUBACKs, acks": full["cpu_loop"],
    }
    parts["other threads"] = full["cpu"] - sum(parts.values())
    us = {name: 1e6 * seconds / count for name, seconds in parts.items()}
    gateway_us, broker_us, load_us = (
        1e6 * full[key] / count for key in ("cpu", "cpu_broker", "cpu_load")
    )
    print(f"\nCPU time of a reading, in us; load average {os.getloadavg()[0]:.1f}")
    for name, value in us.items():
        print(f"  {name:38} {value:>8.1f}")
    print(f"  {'gateway, all of it':38} {gateway_us:>8.1f}")
    print(f"  {'broker':38} {broker_us:>8.1f}")
    print(f"  {'load generator':38} {load_us:>8.1f}")
    all_us = gateway_us + broker_us + load_us
    apart_us = gateway_us + broker_us
    main_us = gateway_us - us["signatures (libsodium, processes)"]
    print(
        f"two cores, 2,000,000 us a second, carry at most {2e6 / all_us:,.0f} /s of this"
        f" ({2e6 / apart_us:,.0f} without the generator)."
    )
    worst = max(us, key=lambda name: us[name])
    print(
        f"Most of it: {worst}. What would double it: two more cores. Signatures and broker are"
        f" processes of\ntheir own; the rest is one process under one interpreter lock, which ends"
        f" at {1e6 / main_us:,.0f} /s.\nSigned acks: {full['acks']:,.0f};"
        f" {count / full['batches']:,.0f} readings a commit."
    )
