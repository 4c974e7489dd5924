"""The shared clock: what one process writes into the environment, the next reads back."""

import asyncio
import time

import pytest

from ledger.clock import ENV, Clock, ClockError


def test_two_processes_of_a_run_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock.starting_at(1_800_000_000_000, 60.0)
    monkeypatch.setenv(ENV, clock.to_env())
    other = Clock.from_env()
    assert abs(other.unix_ns() - clock.unix_ns()) < 60 * 50_000_000
    assert other.speed == 60.0


def test_simulated_time_runs_at_its_speed() -> None:
    clock = Clock(mono_origin_ns=time.monotonic_ns() - 1_000_000_000, unix_origin_ns=0, speed=60.0)
    assert 60_000 <= clock.unix_ms() < 61_000
    assert clock.wall(60.0) == 1.0
    before = clock.mono_ms()
    asyncio.run(clock.sleep(0.6))
    assert clock.mono_ms() - before >= 600


def test_the_system_clock_is_followed_when_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENV, raising=False)
    clock = Clock.from_env()
    monkeypatch.setattr(time, "time_ns", lambda: 1_900_000_000_000_000_000)
    assert clock.unix_ms() == 1_900_000_000_000


@pytest.mark.parametrize(
    "text", ["x", "1:2", "1:2:zero", "1:2:0", "1:2:-1", "1:2:99999", "1:2:nan"]
)
def test_a_malformed_clock_is_refused_by_name(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV, text)
    with pytest.raises(ClockError, match=ENV):
        Clock.from_env()
