"""The installed product: the folders of the checkout lie below this package (setup.cfg, docs/decisions/0018)."""
