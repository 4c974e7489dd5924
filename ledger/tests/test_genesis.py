"""A genesis that can't be used says so by one name, whatever is wrong with it."""

import copy

import pytest

from ledger.genesis import Genesis, GenesisError
from ledger.tests.contracts.kit import genesis


def test_a_certificate_that_the_operator_did_not_sign_is_named() -> None:
    document = copy.deepcopy(genesis().to_json())
    certificates = document["app_state"]["certificates"]
    certificates[0] = certificates[0][:-2] + ("00" if certificates[0][-2:] != "00" else "01")
    with pytest.raises(GenesisError, match="BadCertificate"):
        Genesis.from_json(document).initial_changes()


def test_half_a_character_in_the_chain_id_is_named() -> None:
    with pytest.raises(GenesisError, match="UTF-8"):
        Genesis.from_json({**genesis().to_json(), "chain_id": "truewatt-\ud800"})
