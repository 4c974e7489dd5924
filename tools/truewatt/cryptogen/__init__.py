"""Generators of the constant and unrolled parts of `firmware/crypto` (run on CPython)."""
