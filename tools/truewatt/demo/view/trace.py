"""A series over a whole run in bounded memory: when it is full, pairs become their means."""

from __future__ import annotations


class Trace:
    """Samples of the same few values at growing times; None where a value is unknown."""

    def __init__(self, capacity: int = 2048) -> None:
        self._capacity = max(4, capacity)
        self._every = 1
        self._waiting: list[tuple[int, tuple[float | None, ...]]] = []
        self._rows: list[tuple[int, tuple[float | None, ...]]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, t_ms: int, *values: float | None) -> None:
        """One sample; one that is not later than the last is left out."""
        last = (self._waiting or self._rows or [(-1, ())])[-1][0]
        if t_ms <= last:
            return
        self._waiting.append((t_ms, values))
        if len(self._waiting) >= self._every:
            self._rows.append(_mean(self._waiting))
            self._waiting.clear()
        if len(self._rows) >= self._capacity:
            pairs = [self._rows[at : at + 2] for at in range(0, len(self._rows), 2)]
            self._rows = [_mean(pair) for pair in pairs]
            self._every *= 2

    def times(self) -> tuple[int, int]:
        """First and last time; (0, 0) without samples."""
        return (self._rows[0][0], self._rows[-1][0]) if self._rows else (0, 0)

    def columns(self, which: int, count: int) -> list[float | None]:
        """Value number `which` as `count` means over equal times; None where nothing was known."""
        if not self._rows or count < 1:
            return [None] * max(0, count)
        start, end = self.times()
        span = max(1, end - start)
        sums, numbers = [0.0] * count, [0] * count
        for t_ms, values in self._rows:
            value = values[which] if which < len(values) else None
            if value is not None:
                at = min(count - 1, (t_ms - start) * count // span)
                sums[at] += value
                numbers[at] += 1
        return _filled([s / n if n else None for s, n in zip(sums, numbers, strict=True)])


def _mean(
    rows: list[tuple[int, tuple[float | None, ...]]],
) -> tuple[int, tuple[float | None, ...]]:
    width = max(len(values) for _, values in rows)
    means: list[float | None] = []
    for at in range(width):
        known = [v[at] for _, v in rows if at < len(v) and v[at] is not None]
        numbers = [value for value in known if value is not None]
        means.append(sum(numbers) / len(numbers) if numbers else None)
    return rows[-1][0], tuple(means)


def _filled(values: list[float | None]) -> list[float | None]:
    """Holes narrower than the samples lie apart take the value before them."""
    filled: list[float | None] = []
    for value in values:
        filled.append(value if value is not None or not filled else filled[-1])
    return filled
