from __future__ import annotations

import base64
import hashlib
import json

import pytest

from ledger import cli
from ledger.genesis import Genesis
from ledger.tests.engine.chain_kit import filled, new_home, tamper
from wireformat import codes
from wireformat.control import Certificate
from wireformat.registry import open_signed


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = new_home(tmp_path_factory.mktemp("cli") / "home")
    filled(home).chain.close()
    return home


def test_help_teaches_the_first_steps(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "truewatt ledger init --home ledger" in text
    with pytest.raises(SystemExit) as ended:
        cli.main(["status"])
    assert ended.value.code == 2


def test_init_makes_a_home_that_opens_and_never_overwrites(tmp_path, capsys):
    target = ["init", "--home", str(tmp_path / "h"), "--chain-id", "c1", "--areas", "2"]
    assert cli.main(target) == 0
    genesis = Genesis.load(tmp_path / "h" / "genesis.json")
    handed_on = bytes.fromhex((tmp_path / "h" / "gateway.cert").read_text())
    assert open_signed(Certificate.CODE, handed_on, "c1").record.role == codes.ACK
    assert handed_on in genesis.params.certificates
    assert cli.main(target) == 1
    assert "InitError" in capsys.readouterr().err
    assert cli.main(["verify", "--home", str(tmp_path / "h")]) == 1
    assert "StoreFailed" in capsys.readouterr().err
    assert cli.main(["init", "--home", str(tmp_path / "i"), "--chain-id", "a|b"]) == 1
    assert "chain id" in capsys.readouterr().err
    assert cli.main(["init", "--home", str(tmp_path / "j"), "--price-interval", "1"]) == 1
    assert "--price-interval 1" in capsys.readouterr().err


def test_status_block_and_tx_read_a_home_that_nobody_runs(home, capsys):
    assert cli.main(["status", "--home", str(home.path)]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["boards"], status["height"] > 5) == (1, True)
    assert status["intents"]["done"] == 1
    assert cli.main(["block", "2", "--home", str(home.path)]) == 0
    block = json.loads(capsys.readouterr().out)
    (result,) = block["results"]["txs_results"]
    assert result["events"][0]["type"] == "registry/enrolled"
    identifier = _id_of(block["block"]["data"]["txs"][0])
    assert cli.main(["tx", identifier, "--home", str(home.path)]) == 0
    assert json.loads(capsys.readouterr().out)["height"] == "2"
    for arguments in (["block", "99"], ["tx", "0" * 64], ["tx", "zz"]):
        assert cli.main([*arguments, "--home", str(home.path)]) == 1
        assert capsys.readouterr().err.startswith("NothingToShow: ")
    assert cli.main(["status", "--rpc", "http://127.0.0.1:9"]) == 1
    assert capsys.readouterr().err.startswith("RpcUnreachable: ")


def _id_of(tx: str) -> str:

    return hashlib.sha256(base64.b64decode(tx)).hexdigest()


def test_verify_says_ok_or_names_the_first_mismatch(tmp_path, capsys):
    home = new_home(tmp_path / "home")
    filled(home).chain.close()
    assert cli.main(["verify", "--home", str(home.path)]) == 0
    assert capsys.readouterr().out.startswith("ok: 8 blocks, 5 transactions")
    tamper(home, "UPDATE commands SET command = x'00' WHERE height = 4")
    assert cli.main(["verify", "--home", str(home.path)]) == 1
    assert capsys.readouterr().err.startswith("WrongCommand: height 4: ")
