"""Join modules that boards always load together, before they are compiled.

A module of its own costs a board some 250 bytes before its first line: a table of names, a dict,
its path. And each name that it imports is one more entry in its dict. Joined, modules share all of
that, and what one took from another is there already.

Tests and the host import the sources as they are. On boards a joined module goes by the name of
its group's leader; who imports from another member imports from the leader.
"""

import ast
from collections.abc import Iterator

from truewatt.mpygroups import GROUPS
from truewatt.mpykept import bare
from truewatt.mpyscope import Globals, bound_in, local_names


class JoinError(Exception):
    """Modules that can't be joined as they are: what, in which module, what to do."""

    def __init__(self, what: str, where: str, todo: str) -> None:
        super().__init__(f"{what} ({where}). {todo}")


class _Module:
    """One source: what its top-level names stand for."""

    def __init__(self, name: str, tree: ast.Module, known: set[str]) -> None:
        self.name, self.tree = name, tree
        self.taken: dict[str, tuple[str, str]] = {}  # from a module of the tree: module, its name
        self.modules: dict[str, str] = {}  # modules of the tree, as objects
        self.outside: dict[str, tuple[str, str | None]] = {}  # the interpreter's
        self.body: list[ast.stmt] = []
        self.early = 0  # statements that come before the first import from the tree
        for statement in tree.body:
            if isinstance(statement, ast.ImportFrom):
                for alias in statement.names:
                    self._from(statement.module or "", alias, known)
            elif isinstance(statement, ast.Import):
                for alias in statement.names:
                    self.outside[alias.asname or alias.name] = (alias.name, None)
            else:
                self.body.append(statement)
                self.early += not (self.taken or self.modules)
        imported = {*self.taken, *self.modules, *self.outside}
        self.own = bound_in(tree) - imported
        self.numbers = _numbers(tree) if "." in name else {}

    def _from(self, module: str, alias: ast.alias, known: set[str]) -> None:
        name = alias.asname or alias.name
        if f"{module}.{alias.name}" in known:
            self.modules[name] = f"{module}.{alias.name}"
        elif module in known:
            self.taken[name] = (module, alias.name)
        else:
            self.outside[name] = (module, alias.name)

    def drop_numbers(self, asked: set[str]) -> None:
        """Leave out numbers that are written in place, but for those `asked` for as attributes."""
        self.numbers = {name: at for name, at in self.numbers.items() if name not in asked}
        self.body = [part for part in self.body if _assigned(part) not in self.numbers]

    def asked_attributes(self) -> set[str]:
        """Attributes of whatever is no module of the tree."""
        return {
            node.attr
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Attribute)
            and not (isinstance(node.value, ast.Name) and node.value.id in self.modules)
        }

    def needs(self) -> set[str]:
        """Modules of the tree that must be loaded before this one."""
        return {module for module, _ in self.taken.values()} | set(self.modules.values())


def _numbers(tree: ast.Module) -> dict[str, int]:
    """Top-level `NAME = <integer>`, where nothing else is ever bound to the name."""
    bound = [
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    ]
    found = {}
    for part in tree.body:
        name = _assigned(part)
        if name is not None and name.isupper() and bound.count(name) == 1:
            value = part.value if isinstance(part, ast.Assign) else None
            if isinstance(value, ast.Constant) and type(value.value) is int:
                found[name] = value.value
    return found


def _assigned(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        return target.id if isinstance(target, ast.Name) else None
    return None


def join(sources: dict[str, str], groups: dict[str, tuple[str, ...]] = GROUPS) -> dict[str, str]:
    """Module -> source, of what is left: leaders with their members in them, and all others.

    Groups and members that the tree has not are passed over. Raises `JoinError`.
    """
    modules = {
        name: _Module(name, bare(ast.parse(text)), set(sources)) for name, text in sources.items()
    }
    asked = set().union(*(module.asked_attributes() for module in modules.values()))
    for module in modules.values():
        module.drop_numbers(asked)
    leader_of = {name: name for name in modules}
    for leader, members in groups.items():
        if leader in modules:
            leader_of.update({name: leader for name in members if name in modules})
    return _Joiner(modules, leader_of).run()


class _Joiner:
    def __init__(self, modules: dict[str, _Module], leader_of: dict[str, str]) -> None:
        self._modules, self._leader_of = modules, leader_of
        self._members: dict[str, list[str]] = {}
        for leader in sorted(set(leader_of.values())):
            self._members[leader] = list(self._in_order(leader))
        self._final = {
            (name, own): new
            for leader in self._members
            for name, names in self._own_names(leader).items()
            for own, new in names.items()
        }

    def run(self) -> dict[str, str]:
        self._refuse_circles()
        return {leader: _Group(self, leader).source() for leader in self._members}

    def knows(self, module: str) -> bool:
        """Whether the tree has it."""
        return module in self._modules

    def leader_of(self, module: str) -> str:
        """The module that is left of `module`."""
        return self._leader_of[module]

    def members(self, leader: str) -> list[_Module]:
        """A group, each after what it needs."""
        return [self._modules[name] for name in self._members[leader]]

    def origin(self, module: str, name: str) -> tuple[str, str]:
        """Where a name was made: it may have come to `module` through others."""
        while name in self._modules[module].taken:
            module, name = self._modules[module].taken[name]
        if name not in self._modules[module].own:
            raise JoinError(f"{name} is none of its own names", module, "Import it from its maker.")
        return module, name

    def number(self, module: str, name: str) -> int | None:
        """The number that a name of `module` stands for, if it is written in place."""
        return self._modules[module].numbers.get(name)

    def final(self, module: str, name: str) -> str:
        """What a name that `module` made is called in its group."""
        return self._final.get((module, name), name)

    def is_of_tree(self, statement: ast.stmt) -> bool:
        """Whether it imports a module of the tree, or from one."""
        if not isinstance(statement, ast.ImportFrom):
            return False
        wholes = {f"{statement.module}.{alias.name}" for alias in statement.names}
        return statement.module in self._modules or not wholes.isdisjoint(self._modules)

    def reserved(self, leader: str) -> set[str]:
        """Names that mean something in the group already."""
        found = {
            self.final(module.name, own) for module in self.members(leader) for own in module.own
        }
        return found.union(*(local_names(module.tree) for module in self.members(leader)))

    def _in_order(self, leader: str) -> Iterator[str]:
        group = [name for name, its in self._leader_of.items() if its == leader]
        done: list[str] = []

        def visit(name: str, above: tuple[str, ...]) -> None:
            if name in above:
                raise JoinError(f"{name} needs itself", leader, "Join it with nothing.")
            for other in sorted(self._modules[name].needs() & set(group)):
                visit(other, (*above, name))
            if name not in done:
                done.append(name)

        for name in sorted(group, key=lambda name: (name == leader, name)):
            visit(name, ())
        yield from done

    def _own_names(self, leader: str) -> dict[str, dict[str, str]]:
        """Member -> its name -> what it is called in the group; the leader's stay."""
        group = self.members(leader)
        used = set(self._modules[leader].own)
        used.update(*(module.outside for module in group), *(local_names(m.tree) for m in group))
        found = {leader: {name: name for name in self._modules[leader].own}}
        for module in group:
            if module.name != leader:
                names = {own: _unused(own, module.name, used) for own in sorted(module.own)}
                used.update(names.values())
                found[module.name] = names
        return found

    def _refuse_circles(self) -> None:
        needs = {
            leader: {self._leader_of[name] for m in self.members(leader) for name in m.needs()}
            - {leader}
            for leader in self._members
        }
        while needs:
            ready = [leader for leader, others in needs.items() if not others & set(needs)]
            if not ready:
                raise JoinError(
                    "these groups need each other", ", ".join(sorted(needs)), "Divide them anew."
                )
            for leader in ready:
                del needs[leader]


def _unused(name: str, module: str, used: set[str]) -> str:
    if name not in used:
        return name
    return f"{name}_of_{module.replace('.', '_')}"


class _Group:
    """What is left of one group: imports, then its members' statements."""

    def __init__(self, joiner: _Joiner, leader: str) -> None:
        self._joiner, self._leader = joiner, leader
        self._reserved = joiner.reserved(leader)
        self._imports: dict[tuple[str, str | None], str] = {}

    def source(self) -> str:
        first: list[ast.stmt] = []
        body: list[ast.stmt] = []
        members = self._joiner.members(self._leader)
        for module in members:
            statements = self._rewritten(module)
            early = module.early if len(members) == 1 else 0
            first, body = statements[:early], body + statements[early:]
        imports = list(self._import_statements())
        # What comes before the tree's own modules may use the interpreter's.
        outside = [part for part in imports if not self._joiner.is_of_tree(part)]
        others = [part for part in imports if self._joiner.is_of_tree(part)]
        tree = ast.Module([*outside, *first, *others, *body], [])
        return ast.unparse(ast.fix_missing_locations(tree)) + "\n"

    def _rewritten(self, module: _Module) -> list[ast.stmt]:
        tree = _LocalImports(self._joiner, module).visit(ast.Module(module.body, []))
        tree = Globals(
            lambda name: self._meaning(module, name),
            lambda name, attribute: self._member(module, name, attribute),
        ).visit(tree)
        statements: list[ast.stmt] = tree.body
        return statements

    def _meaning(self, module: _Module, name: str) -> ast.expr | None:
        if name in module.numbers:
            return ast.Constant(module.numbers[name])
        if name in module.own:
            return ast.Name(self._joiner.final(module.name, name))
        if name in module.taken:
            return self._made_in(*self._joiner.origin(*module.taken[name]))
        if name in module.modules:
            whole = module.modules[name]
            if self._joiner.leader_of(whole) != whole or whole == self._leader:
                raise JoinError(
                    f"{whole} is used as an object", module.name, "Take what it needs by name."
                )
            return ast.Name(self._imported(whole, None, name))
        if name in module.outside:
            return ast.Name(self._imported(*module.outside[name], name))
        return None

    def _member(self, module: _Module, name: str, attribute: str) -> ast.expr | None:
        whole = module.modules.get(name)
        if whole is None:
            return None
        leader = self._joiner.leader_of(whole)
        if leader == whole != self._leader and self._joiner.number(whole, attribute) is None:
            return None  # it is still there, as an object
        return self._made_in(*self._joiner.origin(whole, attribute))

    def _made_in(self, module: str, name: str) -> ast.expr:
        number = self._joiner.number(module, name)
        if number is not None:
            return ast.Constant(number)
        leader, final = self._joiner.leader_of(module), self._joiner.final(module, name)
        if leader == self._leader:
            return ast.Name(final)
        return ast.Name(self._imported(leader, final, name))

    def _imported(self, module: str, name: str | None, wish: str) -> str:
        """The group's own name for something from elsewhere; `name` None: the module itself."""
        if (module, name) not in self._imports:
            new = _unused(wish, module, self._reserved)
            self._reserved.add(new)
            self._imports[module, name] = new
        return self._imports[module, name]

    def _import_statements(self) -> Iterator[ast.stmt]:
        for (module, name), new in self._imports.items():
            if name is None and "." in module:
                package, _, last = module.rpartition(".")
                yield ast.ImportFrom(package, [_alias(last, new)], 0)
            elif name is None:
                yield ast.Import([_alias(module, new)])
        by_module: dict[str, list[ast.alias]] = {}
        for (module, name), new in self._imports.items():
            if name is not None:
                by_module.setdefault(module, []).append(_alias(name, new))
        for module, names in by_module.items():
            yield ast.ImportFrom(module, names, 0)


def _alias(name: str, new: str) -> ast.alias:
    return ast.alias(name, None if new == name else new)


class _LocalImports(ast.NodeTransformer):
    """Turns imports inside functions to what is left of the modules that they name."""

    def __init__(self, joiner: _Joiner, module: _Module) -> None:
        self._joiner, self._module = joiner, module

    def visit_ImportFrom(self, node: ast.ImportFrom) -> "ast.AST | list[ast.AST]":
        return [self._one(node.module or "", alias) for alias in node.names]

    def _one(self, module: str, alias: ast.alias) -> ast.stmt:
        joiner, whole, name = self._joiner, f"{module}.{alias.name}", alias.asname or alias.name
        if joiner.knows(whole):
            if joiner.leader_of(whole) != whole:
                raise JoinError(
                    f"{whole} is imported as an object",
                    self._module.name,
                    "Take what it needs by name, or join it with nothing.",
                )
            return ast.ImportFrom(module, [alias], 0)
        if not joiner.knows(module):
            return ast.ImportFrom(module, [alias], 0)
        made_in, its_name = joiner.origin(module, alias.name)
        leader, final = joiner.leader_of(made_in), joiner.final(made_in, its_name)
        number = joiner.number(made_in, its_name)
        if number is not None:
            return ast.Assign([ast.Name(name, ast.Store())], ast.Constant(number))
        if leader == joiner.leader_of(self._module.name):
            return ast.Assign([ast.Name(name, ast.Store())], ast.Name(final, ast.Load()))
        return ast.ImportFrom(leader, [_alias(final, name)], 0)
