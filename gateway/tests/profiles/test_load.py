"""Bad profiles: each fault has its key and says what was expected; nothing else escapes."""

import random

import pytest

from gateway.profiles import find_profile, load_profile
from gateway.profiles.errors import BadProfile, NotCapable, Unconfirmed, UnknownProfile
from gateway.profiles.load import MODELS
from gateway.profiles.page import page
from gateway.profiles.profile import require

GOOD = """\
manufacturer = "Maker"
model = "One"
transport = "rtu"
phases = 1
function = 4
word_order = "high_first"
max_block_words = 20
max_hole_words = 2
pause_ms = 10
direction = true
max_voltage_v = 300
max_current_a = 60

[[serial]]
baud = 9600
parity = "N"
stop_bits = 1

[[source]]
repository = "a/b"
path = "c"

[[source]]
repository = "d/e"
path = "f"

[[register]]
quantity = "voltage"
address = 0
type = "u16"
unit = "V"
scale = "0.1"

[[register]]
quantity = "import"
address = 4
type = "u32"
unit = "kWh"
wrap = 1000
"""


SERIAL = '[[serial]]\nbaud = 9600\nparity = "N"\nstop_bits = 1\n'
GAP_BACKWARDS = '[[gap]]\nfirst = 9\nlast = 8\nwhy = "x"\n'
IDENTITY = """\
[[identity]]
function = 3
address = 1
type = "u16"
values = []
source = "s"
"""


def load(tmp_path, text, name="one.toml"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_profile(path)


def faults(tmp_path, text, name="one.toml"):
    with pytest.raises(BadProfile) as caught:
        load(tmp_path, text, name)
    assert "one.toml" in str(caught.value) or name in str(caught.value)
    return {problem.key: problem for problem in caught.value.problems}


def test_the_good_one_loads(tmp_path):
    profile = load(tmp_path, GOOD)
    assert profile.name == "one"
    assert profile.register("import").factor == 1000
    assert profile.register("import").wrap == 1000
    assert profile.register("import").rollback is None
    assert profile.register("export") is None


def test_a_counter_says_how_far_it_may_fall_and_its_page_too(tmp_path):
    profile = load(tmp_path, GOOD + "rollback = 40\n")
    assert profile.register("import").rollback == 40
    assert "| wraps at 1000, may fall by 40 |" in page(profile)


@pytest.mark.parametrize(
    ("old", "new", "key", "expected"),
    [
        ('word_order = "high_first"\n', "", "word_order", "missing"),
        ("function = 4", "function = 6", "function", "3, 4"),
        ("function = 4", 'function = "4"', "function", "3, 4"),
        ("direction = true", "direction = 1", "direction", "true or false"),
        ("pause_ms = 10", "pause = 10", "pause", "did you mean pause_ms"),
        ("max_block_words = 20", "max_block_words = 126", "max_block_words", "125"),
        ("max_block_words = 20", "max_block_words = 1", "register[1].type", "max_block_words"),
        ('scale = "0.1"', "scale = 0.1", "register[0].scale", "decimal in quotes"),
        ('scale = "0.1"', 'scale = "0.0"', "register[0].scale", "more than 0"),
        ('scale = "0.1"', 'scale = "-1"', "register[0].scale", "decimal in quotes"),
        ('scale = "0.1"', 'scale = "1e3"', "register[0].scale", "decimal in quotes"),
        ('scale = "0.1"', 'wrap = 7\nscale = "0.1"', "register[0].wrap", "no counter"),
        ('scale = "0.1"', 'rollback = 7\nscale = "0.1"', "register[0].rollback", "no counter"),
        ("wrap = 1000", "wrap = 1000\nrollback = 500", "register[1].rollback", "half of wrap"),
        ("wrap = 1000", "wrap = 1000\nrollback = -1", "register[1].rollback", "from 0"),
        ('type = "u16"', 'type = "u24"', "register[0].type", "u16"),
        ('unit = "V"', 'unit = "A"', "register[0].unit", "one of V"),
        ('unit = "V"', 'unit = "furlong"', "register[0].unit", "kWh"),
        ('"voltage"', '"voltag"', "register[0].quantity", "voltage_l1"),
        ('"voltage"', '"import"', "register[1].quantity", "unique"),
        ("address = 4", "address = 65535", "register[1].address", "0xffff"),
        ("address = 4", "address = 65536", "register[1].address", "65535"),
        ("address = 4", "address = 0", "register import", "behind voltage"),
        ('repository = "d/e"', 'repository = "a/b"', "single_source", "true with 1"),
        ("phases = 1", "phases = 1\nsingle_source = true", "single_source", "false with 2"),
        ('repository = "d/e"', 'repository = "de"', "source[1].repository", "owner/name"),
        ("[[serial]]", SERIAL + "[[serial]]", "serial[1]", "one"),
        (
            "[[source]]",
            '[[gap]]\nfirst = 5\nlast = 9\nwhy = "x"\n[[source]]',
            "register import",
            "gap[0]",
        ),
        ("[[source]]", GAP_BACKWARDS + "[[source]]", "gap[0].last", "0x0009"),
        ("[[source]]", IDENTITY + "[[source]]", "identity[0].values", "list of whole numbers"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_key(tmp_path, old, new, key, expected):
    assert old in GOOD
    found = faults(tmp_path, GOOD.replace(old, new, 1))
    assert expected in found[key].expected


def test_all_faults_are_told_at_once(tmp_path):
    text = GOOD.replace("function = 4", "function = 9").replace('unit = "V"', "unit = 1")
    assert set(faults(tmp_path, text)) == {"function", "register[0].unit"}


def test_a_serial_meter_needs_its_line(tmp_path):
    start, end = GOOD.index("[[serial]]"), GOOD.index("[[source]]")
    text = GOOD[:start] + GOOD[end:]
    assert "serial" in faults(tmp_path, text)
    assert load(tmp_path, text.replace('"rtu"', '"tcp"')).serial is None


@pytest.mark.parametrize("text", [b"\xff", b"a = ", b"[" * 5000, b"x = " + b"[" * 5000])
def test_what_is_no_toml_is_named(tmp_path, text):
    assert "(file)" in faults(tmp_path, text)


def test_files_that_are_too_long_absent_or_badly_named_are_named(tmp_path):
    assert "(file)" in faults(tmp_path, "#" * (1 << 19))
    assert "(file)" in faults(tmp_path, GOOD, "One-1.toml")
    with pytest.raises(BadProfile):
        load_profile(tmp_path / "none.toml")


def test_mutants_of_a_profile_load_or_are_refused_by_name(tmp_path):
    draw = random.Random(3)
    source = (MODELS / "pzem004t.toml").read_text()
    refused = 0
    for _ in range(250):
        text = list(source)
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(len(text))
            text[at] = draw.choice(['"', "[", "]", "=", "\n", "-", "0", "x", "", text[at] * 2])
        try:
            load(tmp_path, "".join(text))
        except BadProfile:
            refused += 1
    assert refused > 50


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownProfile, match="sdm120"):
        find_profile("../secret")


def test_one_source_is_refused_unless_asked_for():
    with pytest.raises(Unconfirmed):
        find_profile("janitza_b23").chosen()
    assert len(find_profile("janitza_b23").chosen(unconfirmed=True)) == 6
    em340 = find_profile("em340")
    assert "import_l1_wh" not in {r.key for r in em340.chosen()}
    assert "import_l1_wh" in {r.key for r in em340.chosen(unconfirmed=True)}
    assert "import_wh" in {r.key for r in em340.chosen()}


def test_a_function_that_needs_more_than_the_meter_can_is_refused():
    pzem = find_profile("pzem004t")
    require(pzem, ("voltage", "power"), refresh_ms=1000)
    for needs in ({"direction": True}, {"refresh_ms": 100}, {"quantities": ("export",)}):
        with pytest.raises(NotCapable):
            require(pzem, **needs)
    with pytest.raises(NotCapable, match="refresh rate"):
        require(find_profile("sdm120"), refresh_ms=60_000)
    # A quantity that one source alone knows is none to build on.
    with pytest.raises(NotCapable, match="import_l1"):
        require(find_profile("em340"), ("import_l1",))
