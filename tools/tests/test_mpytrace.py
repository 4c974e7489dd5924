"""A board's crash, told with the names of the sources."""

from truewatt import mpytrace
from truewatt.emulator.mpy_tree import named_modules
from truewatt.toolchain.paths import project_root


def test_a_trace_is_told_with_the_names_of_the_sources():
    source = project_root() / "firmware"
    _, short = named_modules(source)
    names = mpytrace.names_of(source)
    trace = [
        "[12] node: m1 runs, 20480 bytes free",
        "Traceback (most recent call last):",
        f'  File "node", line 1, in {short["execute"]}',
        '  File "/rom/core/node.py", line 1, in run',
        '  File "asyncio/core.py", line 1, in run_until_complete',
        "NotProvisioned: no key on this board",
    ]
    told = list(mpytrace.decoded(trace, names))
    assert "core.node.Commands.execute" in told[2]
    assert "core.node.Node.run" in told[3]
    assert [told[0], told[1], told[4], told[5]] == [trace[0], trace[1], trace[4], trace[5]]


def test_every_function_of_a_board_has_a_name():
    names = mpytrace.names_of(project_root() / "firmware")
    assert all(found for found in names.values())
    assert ("main", "main") in names
