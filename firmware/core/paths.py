"""Where a board keeps what on its filesystem and in its NVS."""

CONFIG = "/config.json"
ENROLMENT = "/enrolment.bin"
# Not "/journal": the working directory comes first on MicroPython's path, and a folder of that name
# would stand before the package.
JOURNAL = "/records"
SEED_BYTES = 32
