"""Leaves that everybody may import: they know nothing of the product, and import nothing of it."""
