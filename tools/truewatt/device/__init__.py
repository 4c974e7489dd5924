"""Boards at the end of a USB cable: images, flashing, provisioning, what they say."""
