"""The files of `web/`: read at start, named by their content, compressed. Knows no request."""
