"""Leave out of the wire format's modules what no board shows or asks for.

A gate answers a malformed frame with a number, whatever was wrong with it; the texts are for the
gateway's logs and for tests. On boards an error keeps its class and its offset. Nobody there
compares or prints records, and fields of one kind share one checker.
"""

import ast

_UNASKED = frozenset({"__eq__", "__hash__", "__repr__"})
_KINDS = frozenset({"Uint", "Sint", "Bytes"})


def applies(module: str) -> bool:
    """Whether `terse` is meant for a module."""
    return module.startswith("wireformat.")


def terse(source: str) -> str:
    """The same module with errors without texts, and equal field kinds made once."""
    tree = _Shortener().visit(ast.parse(source))
    _share_kinds(tree)
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


class _Shortener(ast.NodeTransformer):
    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        made = node.exc
        if isinstance(made, ast.Call) and made.args and _is_text(made.args[0]):
            made.args[0] = ast.Constant("")
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        return None if node.name in _UNASKED else self.generic_visit(node)


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
