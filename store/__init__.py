"""Durable truth: the contract (`contract.py`), what it speaks of (`models.py`), and one package a backend."""
