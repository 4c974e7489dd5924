"""Numbers in place of their names: the same program, and nothing else changed."""

import ast

from truewatt import mpyfold
from truewatt.toolchain.paths import project_root

CODES = {"w.codes": {"OPEN": 1, "BOTH": (1, 2), "NAMES": {1: "open"}}}


def folded(source: str) -> str:
    return mpyfold.fold(source, CODES)


def test_a_module_that_asks_only_for_numbers_loads_no_names() -> None:
    source = "from w import codes, cose\ndef f():\n    return codes.OPEN, codes.BOTH, cose\n"
    assert folded(source) == "from w import cose\n\ndef f():\n    return (1, (1, 2), cose)\n"


def test_what_is_no_constant_stays_with_its_import() -> None:
    source = "from w import codes\nx = codes.Kind\n"
    assert folded(source) == source


def test_own_private_numbers_are_written_in_place() -> None:
    assert folded("_A = 3\nB = 4\nx = _A + B\n") == "B = 4\nx = 3 + B\n"


def test_what_is_bound_twice_is_left_alone() -> None:
    for source in (
        "from w import codes\n\ndef f(codes):\n    return codes.OPEN\n",
        "_A = 1\n\ndef f():\n    global _A\n    _A = 2\n",
        "_A = 1\nfor _A in ():\n    print(_A)\n",
    ):
        assert folded(source) == source


def test_the_wire_formats_constants_are_found_as_they_are() -> None:
    root = project_root()
    assert root is not None
    from wireformat import codes, modbus_map

    found = mpyfold.constants_below(root / "firmware")
    assert found["wireformat.codes"]["REASONS"] == codes.REASONS
    assert found["wireformat.codes"]["RELAY_CLOSED"] == codes.RELAY_CLOSED
    assert found["wireformat.modbus_map"]["WINDOW"] == modbus_map.WINDOW


def test_every_folded_module_of_the_firmware_is_a_program() -> None:
    root = project_root()
    assert root is not None
    constants = mpyfold.constants_below(root / "firmware")
    sources = [path for path in sorted((root / "firmware").rglob("*.py")) if path.stem != "main"]
    assert len(sources) > 40
    for path in sources:
        text = mpyfold.fold(path.read_text(encoding="utf-8"), constants)
        nodes = list(ast.walk(ast.parse(text)))
        names = [node for node in nodes if isinstance(node, ast.Name) and node.id[:1] == "_"]
        bound = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
        assert {node.id for node in names if node.id.isupper()} <= bound, path
        asked = [node for node in nodes if isinstance(node, ast.Attribute)]
        assert "codes" not in [ast.unparse(node.value) for node in asked]
