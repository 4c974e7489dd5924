"""What stays in a board's heap after its start names nothing that left it (core/shed.py)."""

import ast
from pathlib import Path

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
SHED = ast.parse((FIRMWARE / "core/shed.py").read_text())
# Run at a start alone, or by people at the console of a board that does not run.
AT_START = {
    "meter/app.py",
    "board.py",
    "provision.py",
    "update/cable.py",
    "core/config.py",
    "drivers/catalogue.py",
}
STARTERS = {"__init__", "_start_up", "_links", "_make_chain", "_make_metering", "_node"}
STARTERS |= {"ble_link", "bus_link", "make", "open_port"}
# It sheds by itself: what it names comes before.
STARTERS |= {"run"}


def left():
    """(class or module, name) of each `Class.method = None` and `module.function = None`."""
    found = set()
    for node in ast.walk(SHED):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                    found.add((target.value.id, target.attr))
    return {pair for pair in found if pair[0] != "node"}


def left_methods():
    return {pair for pair in left() if pair[0][0].isupper() and pair[1].islower()}


def left_functions():
    return {f"{module}.{name}" for module, name in left() if module.islower()}


def made_once():
    for node in SHED.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "MADE_ONCE":
            return {part.id for part in node.value.elts}
    raise AssertionError


def shed_with_the_bus():
    """The classes that `_shed_bus` names."""
    for node in ast.walk(SHED):
        if isinstance(node, ast.FunctionDef) and node.name == "_shed_bus":
            (loop,) = (part for part in node.body if isinstance(part, ast.For))
            return {part.id for part in loop.iter.elts}
    raise AssertionError


def staying_functions(methods):
    """(file, function) of everything that may run once a board works."""
    gone = {method for _, method in methods} | STARTERS | {"energy_register"}
    for path in sorted(FIRMWARE.rglob("*.py")):
        name = str(path.relative_to(FIRMWARE))
        if name in AT_START or name == "core/shed.py" or name.startswith("shared"):
            continue
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            kind = ast.FunctionDef | ast.AsyncFunctionDef
            if isinstance(node, kind) and node.name not in gone:
                yield name, node


def test_no_function_that_stays_names_a_method_that_left():
    methods = left_methods()
    assert ("Journal", "recover") in methods
    gone = {method for _, method in methods} | {"board"}
    for name, function in staying_functions(methods):
        used = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
        assert not used & gone, f"{name}: {function.name} needs {used & gone}"
        used = {ast.unparse(node) for node in ast.walk(function) if isinstance(node, ast.Attribute)}
        assert not used & left_functions(), f"{name}: {function.name}"


def called_in(function):
    return {
        node.func.id
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def with_their_makers(classes):
    """Classes, and those whose constructors make them, and so on."""
    trees = [ast.parse(path.read_text()) for path in FIRMWARE.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for _ in nodes:
        more = {
            node.name
            for node in nodes
            for part in node.body
            if getattr(part, "name", "") == "__init__" and called_in(part) & classes
        }
        if more <= classes:
            return classes
        classes = classes | more
    return classes


def test_no_function_that_stays_makes_what_is_made_once():
    classes = with_their_makers(made_once() | shed_with_the_bus() | {"SerialPort"})
    assert {"Relay", "Registers", "Place", "ModbusTcpLink"} <= classes
    for name, function in staying_functions(left_methods()):
        called = called_in(function)
        assert not called & classes, f"{name}: {function.name} makes {called & classes}"


def test_what_leaves_exists():
    defined = {}
    for path in FIRMWARE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                names = {part.name for part in node.body if hasattr(part, "name")}
                defined.setdefault(node.name, set()).update(names)
    for kind, method in left_methods():
        assert method in defined[kind], (kind, method)
    for name in left_functions():
        module, _, function = name.partition(".")
        (path,) = FIRMWARE.rglob(f"{module}.py")
        assert f"def {function}(" in path.read_text(), name
    assert made_once() <= set(defined)


def tuple_of(path, name):
    """The strings of a module's tuple."""
    for node in ast.parse((FIRMWARE / path).read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return set(ast.literal_eval(node.value))
    raise AssertionError


def unloaded():
    """File of each module that is emptied -> the names that it defines itself."""
    modules = tuple_of("core/shed.py", "_MODULES") | tuple_of("main.py", "_PARSERS")
    modules |= {f"core.{path.stem}" for path in FIRMWARE.glob("core/metering_*.py")}
    found = {}
    for module in modules:
        tree = ast.parse((FIRMWARE / (module.replace(".", "/") + ".py")).read_text())
        kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        found[module] = {node.name for node in tree.body if isinstance(node, kinds)}
    return found


def imports_of(tree):
    """(module, name, whether in a function that only a start runs) of each import."""
    at_start = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name in STARTERS | {"_settings", "_shed"}
    ]
    inside = {id(part) for function in at_start for part in ast.walk(function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield f"{node.module}.{alias.name}", None, id(node) in inside
                yield node.module, alias.name, id(node) in inside
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None, id(node) in inside


def test_nothing_that_stays_holds_code_of_a_module_that_is_emptied():
    """It would run without its globals."""
    defined = unloaded()
    assert {"Board", "open_store"} <= defined["board"]
    assert "load" in defined["core.config"]
    seen = set()
    for path in sorted(FIRMWARE.rglob("*.py")):
        name = str(path.relative_to(FIRMWARE))
        module = name.removesuffix(".py").replace("/", ".")
        if module in defined or name in AT_START - {"meter/app.py"}:
            continue
        for source, imported, at_start in imports_of(ast.parse(path.read_text())):
            if source in defined and not at_start:
                seen.add((name, imported))
                assert imported is not None, f"{name} holds {source}"
                assert imported not in defined[source], f"{name} holds {source}.{imported}"
    # The port's own function: it outlasts the module.
    assert ("update/trial.py", "reset") in seen
