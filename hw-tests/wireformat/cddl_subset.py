"""Validate values against CDDL (RFC 8610): as much of it as docs/wire-format.cddl uses.

`cddlparser` reads the grammar; this walks its tree. Anything that it does not know is an error,
never a pass.
"""

from collections.abc import Iterator
from typing import Any

from cddlparser import ast, parse

from wireformat import cbor
from wireformat.errors import WireError

_Names = dict[str, Any]


class Cddl:
    """A document; `accepts(rule, value)` says whether `value` matches one of its rules."""

    def __init__(self, text: str) -> None:
        self.rules: _Names = {}
        self._parameters: dict[str, list[str]] = {}
        for rule in parse(text).rules:
            self.rules[rule.name.name] = rule.type
            if rule.name.parameters:
                names = [parameter.name for parameter in rule.name.parameters.parameters]
                self._parameters[rule.name.name] = names

    def accepts(self, rule: str, value: Any) -> bool:
        """Whether `value`, as `wireformat.cbor` decodes it, matches `rule`."""
        return self._type(self.rules[rule], value, {})

    def accepts_signed(self, rule: str, value: Any) -> bool:
        """Whether `value` matches `signed<rule>`."""
        return self._type(self.rules["signed"], value, {"content": self.rules[rule]})

    def _type(self, node: Any, value: Any, names: _Names) -> bool:
        if isinstance(node, ast.Type):
            return any(self._type(each, value, names) for each in node.types)
        if isinstance(node, ast.GroupEntry) and node.key is None and node.occurrence is None:
            return self._type(node.type, value, names)
        check = {
            ast.Typename: self._name,
            ast.Value: self._literal,
            ast.Range: self._range,
            ast.Operator: self._operator,
            ast.Tag: self._tag,
            ast.Map: self._map,
            ast.Array: self._array,
        }[type(node)]
        return check(node, value, names)

    def _name(self, node: Any, value: Any, names: _Names) -> bool:
        prelude = {"bstr": bytes, "tstr": str, "int": int, "any": object}
        if node.name in prelude:
            boolean = isinstance(value, bool) and node.name == "int"
            return isinstance(value, prelude[node.name]) and not boolean
        return self._type(names.get(node.name) or self.rules[node.name], value, names)

    def _literal(self, node: Any, value: Any, names: _Names) -> bool:
        assert node.type == "number", node
        return _is_int(value) and value == int(node.value)

    def _range(self, node: Any, value: Any, names: _Names) -> bool:
        assert node.rangeop.serialize().strip() == "..", node
        return _is_int(value) and int(node.min.value) <= value <= int(node.max.value)

    def _operator(self, node: Any, value: Any, names: _Names) -> bool:
        if not self._type(node.type, value, names):
            return False
        if node.name.literal == "size":
            size = len(value.encode() if isinstance(value, str) else value)
            return self._type(node.controller, size, names)
        assert node.name.literal == "cbor", node
        try:
            inner = cbor.decode(value)
        except WireError:
            return False
        return self._type(node.controller, inner, names)

    def _tag(self, node: Any, value: Any, names: _Names) -> bool:
        number = int(node.numericPart.literal.removeprefix("6."))
        if not isinstance(value, cbor.Tag) or value.number != number:
            return False
        return self._type(node.typePart, value.value, names)

    def _map(self, node: Any, value: Any, names: _Names) -> bool:
        if not isinstance(value, dict):
            return False
        left = dict(value)
        for entry in self.entries(node):
            if entry.key.type.__class__ is ast.Typename:
                # "* int => any": whatever is left must match.
                matching = {k: v for k, v in left.items() if self._type(entry.key.type, k, names)}
                left = {k: v for k, v in left.items() if k not in matching}
                continue
            key = int(entry.key.type.value)
            if key in left:
                if not self._type(entry.type, left.pop(key), names):
                    return False
            elif _occurrence(entry)[0] > 0:
                return False
        return not left

    def _array(self, node: Any, value: Any, names: _Names) -> bool:
        if not isinstance(value, list):
            return False
        at = 0
        for entry in self.entries(node):
            least, most = _occurrence(entry)
            count = 0
            while at < len(value) and count < most and self._type(entry.type, value[at], names):
                at, count = at + 1, count + 1
            if count < least:
                return False
        return at == len(value)

    def entries(self, node: Any) -> Iterator[Any]:
        """The members of a map or array, named groups opened up."""
        if not node.groupChoices:
            return
        (choice,) = node.groupChoices
        for entry in choice.groupEntries:
            group = self._group(entry)
            if group is None:
                yield entry
            else:
                yield from self.entries(group)

    def _group(self, entry: Any) -> Any:
        """The group that an entry without a key names, or None."""
        node = entry.type
        while isinstance(node, (ast.Type, ast.GroupEntry)):
            node = node.types[0] if isinstance(node, ast.Type) else node.type
        if entry.key is None and isinstance(node, ast.Typename) and node.name in self.rules:
            node = self.rules[node.name]
            while isinstance(node, (ast.Type, ast.GroupEntry)):
                node = node.types[0] if isinstance(node, ast.Type) else node.type
            return node if type(node) is ast.Group else None
        return None


def _occurrence(entry: Any) -> tuple[float, float]:
    return (entry.occurrence.n, entry.occurrence.m) if entry.occurrence else (1, 1)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
