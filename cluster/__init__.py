"""The other processes: the bus, connection slots, membership, snapshots. A hint, never the truth; the store is."""
