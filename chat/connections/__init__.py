"""The connections of this process: the session of each, their bounded pool, and the table of commands."""
