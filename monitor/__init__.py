"""Monitoring: the Observer that the rest calls (`observer.py`), metrics, history and alerts. Knows no handler."""
