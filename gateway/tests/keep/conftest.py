import pytest

from gateway.store import Store
from gateway.tests.keep.kept import configured, fill, register, with_gap
from gateway.tests.signing import SigningBoard
from wireformat import codes


@pytest.fixture
def config(tmp_path):
    return configured(tmp_path)


@pytest.fixture
def path(config):
    return config.parent / "data" / "gateway.db"


@pytest.fixture
def meter():
    return SigningBoard(1)


@pytest.fixture
def mlmd():
    return SigningBoard(2, codes.MLMD, channels=1)


@pytest.fixture
def store(path, meter, mlmd):
    store = Store.open(path)
    for board in (meter, mlmd):
        register(store, board)
        fill(store, board, 30)
    with_gap(store, meter)
    meter.boot()
    fill(store, meter, 10)
    yield store
    store.close()
