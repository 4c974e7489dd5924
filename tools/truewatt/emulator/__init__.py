"""Emulated hardware: boards that run real firmware, and the electrical world around them."""
