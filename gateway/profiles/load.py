"""Profiles from their files, every fault of a file told at once.

load_profile(path) -> Profile        # or BadProfile with all problems
"""

import tomllib
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import cast

from gateway.profiles.errors import BadProfile, UnknownProfile
from gateway.profiles.profile import (
    Failsafe,
    Gap,
    Identity,
    LeftOut,
    Profile,
    Register,
    Serial,
    Setup,
    Source,
    Write,
)
from gateway.profiles.quantities import QUANTITIES
from gateway.profiles.rules import faults
from gateway.profiles.schema import NAME, PROFILE
from gateway.schema import Problem, check_table

MODELS = Path(__file__).parent / "models"
MAX_FILE_BYTES = 1 << 18

Row = dict[str, object]


def model_names() -> list[str]:
    """The names of all profiles that come with the gateway."""
    return sorted(path.stem for path in MODELS.glob("*.toml"))


@cache
def find_profile(name: str) -> Profile:
    """The profile called `name`; raises `UnknownProfile`, `BadProfile`."""
    known = model_names()
    if name not in known:
        raise UnknownProfile(f"no profile {name!r}; there is: {', '.join(known)}")
    return load_profile(MODELS / f"{name}.toml")


def load_all() -> list[Profile]:
    """All profiles, by name."""
    return [find_profile(name) for name in model_names()]


def load_profile(path: Path) -> Profile:
    """Read and check one file; raises `BadProfile` with every problem found."""
    problems: list[Problem] = []
    if not NAME.fullmatch(path.stem):
        problems.append(Problem("(file)", path.name, "a name of a-z, 0-9, _ and .toml"))
    values = check_table(_parse(path), PROFILE, "", problems)
    # Rules between keys need all of them to be sound.
    problems = problems or faults(values)
    if problems:
        raise BadProfile(path, problems)
    return _profile(path.stem, values)


def _parse(path: Path) -> object:
    try:
        raw = path.read_bytes()
        if len(raw) > MAX_FILE_BYTES:
            raise BadProfile(path, [Problem("(file)", f"{len(raw)} bytes", "at most 256 KiB")])
        return tomllib.loads(raw.decode())
    except OSError as error:
        problem = Problem("(file)", error.strerror or str(error), "a file that can be read")
        raise BadProfile(path, [problem]) from error
    except UnicodeDecodeError as error:
        problem = Problem("(file)", f"byte {error.start}", "UTF-8 text")
        raise BadProfile(path, [problem]) from error
    except (ValueError, RecursionError) as error:
        # Beside its own errors, tomllib lets those of int() through: too many digits.
        raise BadProfile(path, [Problem("(file)", str(error), "valid TOML 1.0")]) from error


def _profile(name: str, values: Row) -> Profile:
    fields = dict(values)
    serial = [Serial(**row) for row in _rows(fields, "serial")]  # type: ignore[arg-type]
    identity = [_identity(row) for row in _rows(fields, "identity")]
    failsafe = [Failsafe(**row) for row in _rows(fields, "failsafe")]  # type: ignore[arg-type]
    return Profile(
        name=name,
        serial=serial[0] if serial else None,
        identity=identity[0] if identity else None,
        sources=tuple(Source(**row) for row in _rows(fields, "source")),  # type: ignore[arg-type]
        gaps=tuple(Gap(**row) for row in _rows(fields, "gap")),  # type: ignore[arg-type]
        writes=tuple(Write(**row) for row in _rows(fields, "write")),  # type: ignore[arg-type]
        failsafe=failsafe[0] if failsafe else None,
        setups=tuple(Setup(**row) for row in _rows(fields, "setup")),  # type: ignore[arg-type]
        left_out=tuple(LeftOut(**row) for row in _rows(fields, "left_out")),  # type: ignore[arg-type]
        registers=tuple(
            sorted((_register(row) for row in _rows(fields, "register")), key=lambda r: r.address)
        ),
        **fields,  # type: ignore[arg-type]
    )


def _rows(fields: Row, name: str) -> list[Row]:
    return cast(list[Row], fields.pop(name))


def _identity(row: Row) -> Identity:
    values = tuple(cast(list[int], row["values"]))
    return Identity(**{**row, "values": values})  # type: ignore[arg-type]


def _register(row: Row) -> Register:
    kind = QUANTITIES[cast(str, row["quantity"])]
    factor = Fraction(cast(str, row["scale"])) * kind.factor(cast(str, row["unit"]))
    return Register(**row, factor=factor)  # type: ignore[arg-type]
