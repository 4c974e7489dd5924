"""One street for all files here; each test leaves it as it found it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tapped_street import AT_WORK, Street


@pytest.fixture(scope="session")
def running_street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    with Street(tmp_path_factory.mktemp("street")) as street:
        for name in AT_WORK:
            street.grows(name)
        yield street


@pytest.fixture
def street(running_street: Street) -> Iterator[Street]:
    """The street with an honest tap and node, before and after."""
    yield running_street
    running_street.tap.honest()
    running_street.liar.honest()
