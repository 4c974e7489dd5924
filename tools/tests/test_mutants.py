"""A few thousand of the mutants of `truewatt bench mutants`, and that it sees what it looks for."""

from pathlib import Path

from truewatt.bench import _mutant_boards as boards
from truewatt.bench import mutants
from truewatt.bench._mutant_target import Target
from truewatt.bench._mutant_targets import targets
from truewatt.hostile.mutation import text_mutants

COUNT = 4000


def test_every_parser_names_what_is_wrong_with_every_mutant() -> None:
    tallies = list(mutants.run(COUNT, 20261125, [], lambda text: None))
    assert len(tallies) == 34
    for tally in tallies:
        assert (tally.crashes, tally.forged) == ([], 0), tally.name
        assert tally.names, tally.name
    by_name = {tally.name: tally for tally in tallies}
    # Mutants that die at the first byte would prove little: these are deeper.
    assert by_name["records"].names["BadSignature"] > 10
    assert by_name["transactions"].names["WrongSignature"] > 10
    assert by_name["RPC answers"].names["an answer"] > 0


def test_every_parser_takes_what_is_genuine(tmp_path: Path) -> None:
    for target in targets(tmp_path):
        tally = mutants.Tally(target.name)
        for data in target.seeds:
            mutants.one(target, data, tally)
        assert (tally.crashes, tally.forged) == ([], 0), target.name
        if target.name != "contract bodies":
            assert len(tally.names) < 6, tally.names


def _target(feed) -> Target:
    return Target("a parser", [b"seed"], feed, (KeyError,), 1)


def test_a_board_that_breaks_a_promise_fails(monkeypatch) -> None:
    monkeypatch.setattr(boards, "_run", lambda *_: "FAILED no heap kept: got False, expected True")
    (tally,) = mutants.run(9, 1, ["board: BLE"], lambda text: None)
    assert tally.failed
    assert "no heap kept" in tally.crashes[0]


def test_the_firmwares_parsers_have_its_ble_link_among_them(monkeypatch, capsys) -> None:
    assert mutants.main(["--boards", "--only", "ble", "--count", "40"]) == 0
    assert "BLE link" in capsys.readouterr().out
    monkeypatch.setattr(boards, "_run", lambda *_: "FAILED no heap kept: got False, expected True")
    assert mutants.main(["--boards", "--only", "ble", "--count", "40"]) == 1
    assert "no heap kept" in capsys.readouterr().out


def test_the_command_gives_each_parser_the_whole_count_unless_told_otherwise(capsys) -> None:
    only = ["--only", "signed records", "RPC requests", "--count", "40"]
    assert mutants.main(only) == 0
    assert "80 mutants" in capsys.readouterr().out
    assert mutants.main([*only, "--in-all"]) == 0
    assert "40 mutants" in capsys.readouterr().out


def test_what_is_no_named_error_is_a_crash() -> None:
    def feed(data: bytes) -> tuple[str, bool]:
        raise ZeroDivisionError("a bug")

    tally = mutants.campaign(_target(feed), 5, 1, lambda text: None)
    assert tally.names == {"CRASH ZeroDivisionError": 5}
    assert tally.failed


def test_a_mutant_that_is_taken_is_a_forgery_and_the_original_is_not() -> None:
    taken = _target(lambda data: ("admitted", True))
    tally = mutants.Tally("a parser")
    mutants.one(taken, b"seed", tally)
    assert not tally.failed
    mutants.one(taken, b"feed", tally)
    assert (tally.forged, tally.failed) == (1, True)


def test_memory_that_grows_fails() -> None:
    kept = []

    def feed(data: bytes) -> tuple[str, bool]:
        kept.append(bytearray(b"x" * 100_000))
        return "leaked", False

    tally = mutants.campaign(_target(feed), 400, 1, lambda text: None)
    assert tally.failed


def test_the_same_seed_gives_the_same_mutants() -> None:
    seeds = [b'a = 1\nb = ["x"]\n']
    assert list(text_mutants(seeds, 50, 3)) == list(text_mutants(seeds, 50, 3))
    assert list(text_mutants(seeds, 50, 3)) != list(text_mutants(seeds, 50, 4))


def test_a_parser_that_is_not_there_is_refused_with_those_that_are(capsys) -> None:
    assert mutants.main(["--only", "P1 telegrams", "nonesuch"]) == 2
    refused = capsys.readouterr()
    assert "no parser 'nonesuch'" in refused.err
    assert "P1 telegrams" in refused.err
    assert refused.out == ""
    assert mutants.main(["--boards", "--only", "nonesuch"]) == 2
    assert "there are: rtu, tcp, mqtt, cbor" in capsys.readouterr().err


def test_each_parser_gets_the_whole_count(capsys) -> None:
    names = ["signed records", "RPC requests"]
    assert [one.count for one in mutants.run(40, 1, names, lambda text: None, each=True)] == [
        40
    ] * 2
    assert sum(one.count for one in mutants.run(40, 1, names, lambda text: None)) == 40
