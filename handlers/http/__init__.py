"""HTTP/1.1 on Tornado, hardened: which connections and requests are let in, and how each ends (docs/decisions/0010)."""
