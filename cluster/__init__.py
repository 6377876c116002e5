"""The other processes: the bus, connection slots, live processes, snapshots. Hints only: the store is the truth."""
