"""Whatever the bytes, a parser says what is wrong with them by name."""

import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from truewatt.bench._mutant_target import Target
from truewatt.bench._mutant_targets import targets

SLOW = {"SunSpec storage", "SunSpec meters", "P1 stream", "P1 telegrams", "RPC messages"}
"""Of these a few inputs less: each costs a millisecond."""


@pytest.fixture(scope="module")
def parsers(tmp_path_factory) -> dict[str, Target]:
    return {one.name: one for one in targets(tmp_path_factory.mktemp("parsers"))}


def names() -> list[str]:
    return [one.name for one in targets(Path())]


def hostile(seeds: list[bytes]) -> st.SearchStrategy[bytes]:
    """Any bytes, bytes behind a genuine head, and a genuine input with a part replaced."""
    seed, junk = st.sampled_from(seeds), st.binary(max_size=64)

    def spliced(data: bytes, start: int, size: int, part: bytes) -> bytes:
        at = start % (len(data) + 1)
        return data[:at] + part + data[at + size :]

    places = st.integers(0, 1 << 16)
    return st.binary(max_size=512) | st.builds(spliced, seed, places, st.integers(0, 64), junk)


@pytest.mark.parametrize("name", names())
def test_only_named_errors_come_out(parsers, name, caplog):
    target = parsers[name]
    caplog.set_level(logging.CRITICAL, "gateway")

    @settings(
        max_examples=40 if name in SLOW else 150,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(hostile(target.seeds))
    def check(data: bytes) -> None:
        try:
            _, is_taken = target.feed(data)
        except target.named:
            return
        assert not is_taken or data in target.originals, "believed, though nobody made it"

    check()
