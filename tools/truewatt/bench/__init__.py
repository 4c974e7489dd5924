"""Measurements that meet a bar or fail, on figures that repeat: counts, sizes, heap."""
