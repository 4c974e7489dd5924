"""When a run counts as broken, and how its figures are drawn."""

import pytest

from truewatt.demo.report import _quantile, failures

GOOD: dict[str, object] = {
    "speed": 60.0,
    "readings_lost": 0,
    "readings_late": 0,
    "readings_duplicated": 0,
    "readings_foreign": 0,
    "commands_done": 3,
    "energy_balance_error": 0.004,
    "ledger_verified": True,
}


def test_a_run_that_held_its_promises_has_no_failure() -> None:
    assert failures(GOOD) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("readings_lost", 1),
        ("readings_late", 1),
        ("readings_duplicated", 1),
        ("readings_foreign", 1),
        ("commands_done", 0),
        ("energy_balance_error", 0.0101),
        ("ledger_verified", False),
    ],
)
def test_each_broken_promise_is_named(key: str, value: object) -> None:
    (failure,) = failures(GOOD | {key: value})
    assert key.split("_")[0] in failure


def test_quantiles_are_of_the_nearest_rank() -> None:
    values = list(range(1, 101))
    assert _quantile(values, 0.5) == 50
    assert _quantile(values, 0.99) == 99
    assert _quantile([7], 0.99) == 7
    assert _quantile([1, 2, 3], 0.5) == 2
    assert _quantile([], 0.5) is None
