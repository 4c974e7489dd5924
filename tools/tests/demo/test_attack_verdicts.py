"""The verdict on an attack: only the right name counts, and no harm, and nothing left out."""

import re
from pathlib import Path

import pytest

from truewatt.demo.attack.base import Attack, carry_out, fate_name, grown_since
from truewatt.demo.attack.catalogue import ATTACKS, UnknownAttack, explained, selected
from truewatt.demo.attack.ledger_names import result_name
from truewatt.demo.attack.scene import NotSeen
from truewatt.demo.attack.table import table
from truewatt.demo.attack.verdict import DIFFERS, REFUSED, Result, Try, failures, only_name
from wireformat import codes


def result(*tries: Try, harm: tuple[str, ...] = ()) -> Result:
    return Result("an-attack", "nothing", list(tries), list(harm))


GOOD = Try("a bit", "bad_signature", "bad_signature", "refusals")


def test_the_right_name_for_every_try_is_refused() -> None:
    assert result(GOOD, GOOD).verdict == REFUSED
    assert failures([result(GOOD)], ["an-attack"]) == []


@pytest.mark.parametrize("seen", ["unknown_key", "nothing", "accepted", "bad_signature + gap"])
def test_another_name_is_no_refusal(seen: str) -> None:
    wrong = Try("a bit", "bad_signature", seen, "refusals")
    assert result(GOOD, wrong).verdict == DIFFERS
    (line,) = failures([result(GOOD, wrong)], ["an-attack"])
    assert "expected bad_signature" in line
    assert f"seen {seen}" in line


def test_an_attack_that_tried_nothing_or_did_harm_is_no_refusal() -> None:
    assert result().verdict == DIFFERS
    assert result(GOOD, harm=("m1 moved a relay",)).faults == ["m1 moved a relay"]


def test_an_attack_that_was_planned_and_not_carried_out_fails_the_run() -> None:
    assert failures([], ["an-attack"]) == ["attack an-attack was not carried out"]


def test_refused_for_two_reasons_is_neither_of_them() -> None:
    assert only_name(["gap", "bad_cbor"]) == "bad_cbor + gap"
    assert only_name([]) == "nothing"
    assert grown_since({"gap": 2, "replayed": 1}, {"gap": 3, "replayed": 1}) == ["gap"]


def test_names_are_those_that_board_and_ledger_use() -> None:
    refused = codes.INBOX_REFUSED
    assert fate_name((refused, codes.R_WRONG_ROLE)) == "wrong role"
    assert fate_name((codes.INBOX_ACCEPTED, 0)) == "accepted"
    assert (result_name(0), result_name(5)) == ("accepted", "WrongSignature")


class _FakeScene:
    """Counts restarts of a part that ends by itself while it is attacked."""

    def __init__(self) -> None:
        self.restarts: dict[str, int] = {}
        self.is_honest = False

    def unexpected_restarts(self) -> dict[str, int]:
        return dict(self.restarts)

    def honest(self) -> None:
        self.is_honest = True


class _Crashes(Attack):
    name, holds, does, stopped_by = "crashes", "a hammer", "", ""

    def run(self) -> None:
        self.note("a blow", "named", "named", "log")
        self.scene.restarts["gateway"] = 1


class _Hangs(Attack):
    name, holds, does, stopped_by = "hangs", "time", "", ""

    def run(self) -> None:
        self.note("a wait", "named", "named", "log")
        raise NotSeen("waited 45 s for the end")


def test_a_part_that_ends_by_itself_is_harm() -> None:
    scene = _FakeScene()
    found = carry_out(_Crashes(scene))
    assert found.faults == ["gateway ended by itself"]
    assert scene.is_honest


def test_an_attack_that_is_not_completed_is_no_refusal() -> None:
    scene = _FakeScene()
    assert carry_out(_Hangs(scene)).faults == ["not completed: waited 45 s for the end"]
    assert scene.is_honest, "lines and network are given back whatever happens"


def test_the_order_is_the_seeds_and_what_spoils_goes_last() -> None:
    assert selected("all", 1) == selected("all", 1) != selected("all", 2)
    assert set(selected("all", 3)) == set(ATTACKS)
    for seed in range(5):
        names = [attack.name for attack in selected("all", seed)]
        assert names[-2:] == ["stolen-gateway-key", "cloned-board"]
    with pytest.raises(UnknownAttack, match="tampered-reading"):
        selected("tampered-reading,nonsense", 1)


def test_every_attack_says_who_does_what_and_what_stops_it() -> None:
    text = explained()
    for attack in ATTACKS:
        assert attack.name in text
        assert attack.holds
        assert attack.does.endswith(".")
        assert attack.stopped_by.endswith(".")


def test_the_table_shows_names_verdict_and_every_fault() -> None:
    wrong = Try("a bit", "bad_signature", "gap", "refusals")
    text = table([result(GOOD).as_json(), result(wrong).as_json()])
    assert text.count("refused") == 1
    assert text.count(DIFFERS) == 1
    assert "! a bit: expected bad_signature, seen gap (refusals)" in text


def test_the_page_of_attacks_knows_each_of_them() -> None:
    page = (Path(__file__).parents[3] / "docs" / "attacks.md").read_text()
    named = set(re.findall(r"^\| `([a-z-]+)` \|", page, re.M)) | {"stolen-gateway-key"}
    assert named == {attack.name for attack in ATTACKS}
