"""The parts of a process, put together from the settings. Each function returns one frozen record of finished parts."""
