"""Rate limits and load shedding: arithmetic, policies and backends in separate modules."""
