"""Signed firmware on its way to boards, over the links that records come by."""
