"""Leave out of the wire format's modules what no board shows or asks for.

A gate answers a malformed frame with a number, whatever was wrong with it; the texts are for the
gateway's logs and for tests. On boards an error keeps its class and its offset. Nobody there
compares or prints records, and fields of one kind share one checker. A field's row there is its
name and kind, 16 bytes in place of 32: its key is its place, and only an optional one says so.
"""

import ast

_UNASKED = frozenset({"__eq__", "__hash__", "__repr__"})
_SIGN = "?"
_KINDS = frozenset({"Uint", "Sint", "Bytes"})


def applies(module: str) -> bool:
    """Whether `terse` is meant for a module."""
    return module.startswith("wireformat.")


def terse(source: str) -> str:
    """The same module with errors without texts, and equal field kinds made once."""
    tree = _Rows().visit(_Shortener().visit(ast.parse(source)))
    _share_kinds(tree)
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


class _Shortener(ast.NodeTransformer):
    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        made = node.exc
        if isinstance(made, ast.Call) and made.args and _is_text(made.args[0]):
            made.args[0] = ast.Constant("")
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        if node.name == "fault":
            node = _Untold().visit(node)
        return None if node.name in _UNASKED else self.generic_visit(node)


class _Untold(ast.NodeTransformer):
    """A sign in place of each text that says what is wrong with a value."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(_SIGN) if isinstance(node.value, str) and node.value else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        return ast.Constant(_SIGN) if _is_text(node) else self.generic_visit(node)


class _Rows(ast.NodeTransformer):
    """Rows (key, name, kind, optional) to (name, kind) or (name, kind, True), and their loops."""

    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        self.generic_visit(node)
        if not _is_row(node):
            return node
        _, name, kind, optional = node.elts
        often = isinstance(optional, ast.Constant) and not optional.value
        return ast.Tuple([name, kind] if often else [name, kind, optional], ast.Load())

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        if not (isinstance(node.iter, ast.Attribute) and node.iter.attr == "FIELDS"):
            return node
        assert isinstance(node.target, ast.Tuple), ast.unparse(node)
        key, *rest = (ast.unparse(name) for name in node.target.elts)
        row, fields = "_row", ast.unparse(node.iter)
        head = f"for {row} in {fields}: pass"
        if key != "_":
            head = f"for {key}, {row} in enumerate({fields}): pass"
        (loop,) = ast.parse(head).body
        assert isinstance(loop, ast.For)
        places = zip(rest, (f"{row}[0]", f"{row}[1]", f"len({row}) > 2"), strict=True)
        taken = [f"{name} = {place}" for name, place in places if name != "_"]
        loop.body = ast.parse("\n".join(taken)).body + node.body
        return loop


def _is_row(node: ast.Tuple) -> bool:
    values = [part.value if isinstance(part, ast.Constant) else None for part in node.elts]
    return [type(value) for value in values] == [int, str, type(None), bool]


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        node = node.left
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _share_kinds(tree: ast.Module) -> None:
    """Make each kind with its bounds once, before the first statement that uses it."""
    calls = [node for part in tree.body for node in ast.walk(part) if _is_kind(node)]
    texts = [ast.dump(call) for call in calls]
    shared = {text: f"_kind{at}" for at, text in enumerate(sorted(set(texts)))}
    shared = {text: name for text, name in shared.items() if texts.count(text) > 1}
    body: list[ast.stmt] = []
    made: set[str] = set()
    for part in tree.body:
        taker = _KindTaker(shared)
        changed = taker.visit(part)
        for name, call in taker.taken.items():
            if name not in made:
                made.add(name)
                body.append(ast.Assign([ast.Name(name, ast.Store())], call))
        body.append(changed)
    tree.body = body


def _is_kind(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in _KINDS
        and all(isinstance(arg, ast.Constant | ast.Name) for arg in node.args)
    )


class _KindTaker(ast.NodeTransformer):
    def __init__(self, shared: dict[str, str]) -> None:
        self._shared = shared
        self.taken: dict[str, ast.expr] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node  # what a function makes is its own

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = self._shared.get(ast.dump(node)) if _is_kind(node) else None
        if name is None:
            return self.generic_visit(node)
        self.taken[name] = node
        return ast.Name(name, ast.Load())
