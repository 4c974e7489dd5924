"""Words cut from one text are the same words; frequent names first change nothing else."""

from truewatt.mpyorder import frequent_first, with_built_ins
from truewatt.mpywords import cut

PARSER = '''"""A parser."""
import json
CHOICES = {"open": 1, "closed": "a text of more than ten characters"}
def read(text, most="most"):
    """Documented."""
    value = json.loads(text)
    state = CHOICES[value.pop("state", "open")]
    return value.pop("name"), state, most, "a|b", "", "name_of_a_field"
'''


def result(source):
    scope = {"__name__": "m"}
    exec(compile(source, "m", "exec"), scope)
    return scope["read"]('{"name": "x", "state": "closed"}')


def test_a_module_without_interned_words_reads_the_same():
    short = cut(PARSER)
    assert result(short) == result(PARSER)
    words = short.split(".split")[0]
    for word in ("open", "closed", "most", "state", "name_of_a_field"):
        assert word in words
        assert f"'{word}'" not in short.split("\n", 2)[2]
    assert "'a text of more than ten characters'" in short
    assert "'a|b'" in short


def test_frequent_names_lead_in_modules_with_many():
    few = "def read(text):\n    return text\n"
    assert frequent_first(few) == few
    many = "".join(f"def f{n}(x):\n    return x.often.often + x.a{n}\n" for n in range(130))
    first, rest = frequent_first(many).split("\n", 1)
    assert first.startswith("0 == __name__ and __name__.x.often.a0.")
    assert rest == many
    exec(compile(frequent_first(many), "m", "exec"), {"__name__": "m"})


def test_a_big_module_has_its_built_ins_at_hand_unless_it_has_its_own():
    calls = "def f(x):\n    return len(x) + len(x) + len(x) + len(x) + max(x)\n"
    assert with_built_ins(calls) == calls
    many = "".join(f"a{n} = {n}\n" for n in range(100))
    assert with_built_ins(many + calls) == "len = len\n" + many + calls
    middling = "".join(f"a{n} = {n}\n" for n in range(50))
    assert with_built_ins(middling + calls) == middling + calls
    # 97 is a size of tables: 93 names, f, len and a module's two own names would fill it.
    full = "".join(f"a{n} = {n}\n" for n in range(93))
    assert with_built_ins(full + calls) == "len = len\nmax = max\n" + full + calls
    own = many + calls + "def len(x):\n    return 1\n"
    assert with_built_ins(own) == own
