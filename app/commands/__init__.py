"""The commands of `server.py`: one module for each, the table of them, and the parsing of the command line."""
