"""The ``truewatt`` command, the emulated hardware, and the benchmarks."""
