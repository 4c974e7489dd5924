"""Keep the words of modules that leave out of what stays.

MicroPython interns every text of up to ten characters that a compiled module contains, and what is
interned stays for ever, though the module be unloaded. The configuration's parser is used once and
names a hundred fields. Cut out of one long text at its start, its words are plain objects that go
with it.
"""

import ast

_LEAVING = ("core.config", "core.metering_", "drivers.calibration_text", "drivers.catalogue")

_INTERNED_CHARS = 10
_BETWEEN = "|"
_WORDS = "_words"


def leaves(module: str) -> bool:
    """Whether main.py unloads a module after use."""
    return module.startswith(_LEAVING)


def cut(source: str) -> str:
    """The same module with its short texts taken from one long one."""
    taker = _Taker()
    tree = taker.visit(ast.parse(source))
    if not taker.words:
        return source
    text = _BETWEEN.join(taker.words)
    first = ast.parse(f"{_WORDS} = {text!r}.split({_BETWEEN!r})").body
    at = next(index for index, part in enumerate(tree.body) if not _is_import(part))
    tree.body[at:at] = first
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


class _Taker(ast.NodeTransformer):
    """Puts a look-up in place of each text that would be interned, or that is a field's name.

    A field's name as a text would keep the attribute of that name from being short.
    """

    def __init__(self) -> None:
        self.words: list[str] = []

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        text = node.value
        if not isinstance(text, str) or _BETWEEN in text:
            return node
        if not 0 < len(text) <= _INTERNED_CHARS and not text.isidentifier():
            return node
        if text not in self.words:
            self.words.append(text)
        index = ast.Constant(self.words.index(text))
        return ast.Subscript(ast.Name(_WORDS, ast.Load()), index, ast.Load())
