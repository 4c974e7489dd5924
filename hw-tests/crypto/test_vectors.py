"""RFC 8032 §7.1, byte for byte."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.device

# name: seed, public key, message, signature
FROM_THE_RFC = {
    "TEST 1": (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    "TEST 2": (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    "TEST 3": (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
}


def _check(board: Any, vectors: list[tuple[str, str, str, str]]) -> None:
    for vector in vectors:
        seed, public, message, signature = map(bytes.fromhex, vector)
        requests = [("public_key", seed), ("sign", seed, message)]
        requests.append(("verify", public, message, signature))
        assert board.ask(requests) == [public, signature, b"\1"]


def test_the_vectors_of_the_rfc(board: Any) -> None:
    _check(board, list(FROM_THE_RFC.values()))


def test_all_vectors_of_the_section(board: Any, shared_file: Callable[[str], Path]) -> None:
    loaded = json.loads(shared_file("vectors/rfc8032/rfc8032_7_1.json").read_text())
    assert len(loaded) == 5
    _check(board, [(v["seed"], v["pk"], v["msg"], v["sig"]) for v in loaded])
