"""mypy plugin for code of boards, which have no typing module.

There `object` means "anything that does what is asked of it", the configuration is a bag of
attributes, and viper's pointers take any buffer.
"""

from collections.abc import Callable
from typing import Any

from mypy.plugin import Plugin
from mypy.types import AnyType, TypeOfAny

_SETTINGS = "core.settings.Settings"
_ANYTHING = frozenset(
    {"builtins.object", "builtins.type", _SETTINGS}
    | {f"{module}.ptr{bits}" for module in ("builtins", "micropython") for bits in (8, 16, 32)}
)


def _anything(context: Any) -> AnyType:
    return AnyType(TypeOfAny.explicit)


class BoardPlugin(Plugin):
    """Reads the firmware's annotations as they are meant."""

    def get_type_analyze_hook(self, fullname: str) -> Callable[[Any], AnyType] | None:
        return _anything if fullname in _ANYTHING else None

    def get_function_hook(self, fullname: str) -> Callable[[Any], AnyType] | None:
        return _anything if fullname == _SETTINGS else None


def plugin(version: str) -> type[Plugin]:
    """What mypy asks for."""
    return BoardPlugin
