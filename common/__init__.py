"""Leaves that every layer may import: they import nothing of the product."""
