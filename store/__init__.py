"""Durable truth: the contract (`contract.py`), its records (`models/`), and one package a backend."""
