"""The speed that this server is to have, as rows of a table: what was measured, beside what, and whether it is met."""
