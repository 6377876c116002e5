"""`st run` in a process of its own: seeded, against a real server, with the ids of a scene."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.api_documents.scene import DocumentScene
from tests.support.server import ROOT

# Each check that is off, with the reason.
CHECKS_OFF = {
    # what a request names may be gone by the time it comes, for other requests of the run remove it
    "ensure_resource_availability": "other requests of the run delete what one made",
    "use_after_free": "a second DELETE of a block, a ban or a report is 204 by contract",
}
# Operations that refuse some requests for reasons that no schema can say. Everything else is checked of them.
NOT_ALWAYS_ACCEPTED = {
    "post_files": "the type of a file is told by its content, and most bytes are of none",
    "put_users_me_avatar": "likewise",
    "get_messages": "`before` and `after` exclude each other",
    "get_metrics_history": "which metrics there are is known to the running process alone",
    "get_metrics_snapshot": "which processes live is known to the running cluster alone",
    "post_auth_register": "the run revokes the invite link, whose code it has learnt",
    "post_rooms_direct": "not with oneself, and the run learns its own id",
    "put_users_me_blocks_userId": "likewise",
    "delete_users_me_blocks_userId": "likewise",
}
# Operations that accept some requests that schemathesis takes for invalid.
NOT_ALWAYS_REFUSED = {
    "post_files": "a number in a form is a text, and so a file",
}
WITHIN_S = 1200  # on a busy machine


def run_schemathesis(
    scene: DocumentScene, folder: Path, *, examples: int, seed: int, more: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run it to its end. `examples`: of each operation; `more`: arguments of `st run`."""
    config = folder / "schemathesis.toml"
    # A string with NUL is invalid, which JSON Schema cannot say; tests/integration/test_bad_input.py sends such ones.
    lines = [
        "[generation]",
        "allow-x00 = false",
        "[parameters]",
        *(f'"path.{name}" = "{id_}"' for name, id_ in scene.path_ids.items()),
    ]
    for name in NOT_ALWAYS_ACCEPTED | NOT_ALWAYS_REFUSED:
        checks = {"positive_data_acceptance": NOT_ALWAYS_ACCEPTED, "negative_data_rejection": NOT_ALWAYS_REFUSED}
        off = [f"checks.{check}.enabled = false" for check, names in checks.items() if name in names]
        lines += ["[[operations]]", f'include-operation-id = "{name}"', *off]
    config.write_text("\n".join(lines))
    url = scene.caller.url
    command = [
        *(str(Path(sys.executable).parent / "st"), "--config-file", str(config), "run", f"{url}/openapi.json"),
        *("--url", url, "-H", f"Authorization: Bearer {scene.caller.access_token}"),
        *("--seed", str(seed), "-n", str(examples), "--continue-on-failure", "--no-shrink"),
        *("--exclude-checks", ",".join(CHECKS_OFF), "--warnings", "off", "--phases", "examples,coverage,fuzzing"),
        *more,
    ]
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.support.api_documents.schemathesis_hooks",
        "INVITE_CODE": scene.real_ids["example-invite-code"],
    }
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
