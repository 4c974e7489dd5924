"""The committed constants and unrolled code are what their generator writes, and are right."""

import hashlib

from truewatt.cryptogen import __main__ as cryptogen
from truewatt.cryptogen import curve, tables


def test_committed_modules_are_unchanged() -> None:
    for path, text in cryptogen.generated().items():
        assert path.read_text() == text, f"{path.name}: run python -m truewatt.cryptogen"


def test_the_check_says_what_is_stale(tmp_path, monkeypatch, capsys) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(cryptogen, "CRYPTO", tmp_path)
    assert cryptogen.main(["--check"]) == 1
    assert "tables.py: differs" in capsys.readouterr().out
    assert cryptogen.main([]) == 0
    assert cryptogen.main(["--check"]) == 0


def test_the_comb_gives_multiples_of_the_base_point() -> None:
    """Recode a scalar in Python, sum the entries, compare with doubling and adding."""
    scalar = int.from_bytes(hashlib.sha256(b"comb").digest(), "little") | 1
    digits = [1 if (scalar >> 1 | 1 << 259) >> i & 1 else -1 for i in range(260)]
    total = curve.IDENTITY
    for column in reversed(range(tables.COLUMNS)):
        total = curve.add(total, total)
        for block in range(tables.BLOCKS):
            teeth = [digits[52 * t + 26 * block + column] for t in range(tables.TEETH)]
            entry = sum(1 << t for t in range(4) if teeth[t] == teeth[4])
            point = tables.comb_point(block, entry)
            total = curve.add(total, point if teeth[4] > 0 else curve.negate(point))
    assert total == curve.multiply(scalar, curve.BASE)
    assert curve.multiply(curve.L, curve.BASE) == curve.IDENTITY


def test_small_order_points() -> None:
    assert len(tables.small_order_ys()) == 5
    assert all(curve.multiply(8, p) == curve.IDENTITY for p in curve.small_order_points())
