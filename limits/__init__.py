"""Rate limits: arithmetic, policies and backends apart."""
