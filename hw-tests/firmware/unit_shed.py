"""A module that was unloaded leaves the heap, though a stale word may still point to it."""

import gc
import sys

from core import config
from core.shed import unload

_LEAST_BYTES = 1000


def expect(name, got):
    if not got:
        print("FAILED %s" % name)
        sys.exit(1)


# What a stale word on the C stack can be: the module, and a function of it.
words = [config, config.load]
del config
gc.collect()
before = gc.mem_free()
unload("core.config")
gc.collect()
freed = gc.mem_free() - before
expect("its name is free", "core.config" not in sys.modules)
expect("it is empty", not words[0].__dict__)
expect("%d bytes freed of %d" % (freed, _LEAST_BYTES), freed >= _LEAST_BYTES)
print("%d bytes" % freed)
print("ok")
