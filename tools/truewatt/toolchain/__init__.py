"""Find or fetch the programs of others that the project runs: MicroPython, qemu and such."""

from truewatt.toolchain.arm_emulator import qemu_arm
from truewatt.toolchain.cross_compiler import mpy_cross
from truewatt.toolchain.debian_tool import debian_tool
from truewatt.toolchain.errors import ToolchainError
from truewatt.toolchain.interpreter import describe, micropython

__all__ = ["ToolchainError", "debian_tool", "describe", "micropython", "mpy_cross", "qemu_arm"]
