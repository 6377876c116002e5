"""Why an address cannot be listened on, and what an operator does about it."""

from __future__ import annotations

import errno
from collections.abc import Mapping

_ADVICE: Mapping[int | None, str] = {
    errno.EADDRINUSE: "stop what listens there (`ss -ltnp` names it), or choose another port, like --port {other}",
    errno.EADDRNOTAVAIL: "HOST takes an address of this machine (`ip address` lists them), or :: for all",
    errno.EACCES: "ports below 1024 are the system's: choose one above, like --port 8000, behind nginx",
}
_OTHERWISE = "HOST takes an address or a name of this machine"


def listening_refusal(host: str, port: int, error: OSError) -> str:
    """One line: the address, what the system says, and what to do."""
    where = f"[{host}]" if ":" in host else host
    advice = _ADVICE.get(error.errno, _OTHERWISE).format(other=port + 1 if port < 65_535 else port - 1)
    return f"cannot listen on {where}:{port}: {error.strerror or error}; {advice}"
