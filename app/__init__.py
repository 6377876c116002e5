"""One process, put together from the settings: built, started, checked, stopped. The only package that knows all."""
