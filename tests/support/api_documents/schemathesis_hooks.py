"""What `st run` is told of the product: texts of the document's formats, and what would end the scene of the run.

Loaded by schemathesis in a process of its own (SCHEMATHESIS_HOOKS).
"""

from __future__ import annotations

import json
import os
import string
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, HookContext

VISIBLE = string.ascii_letters + string.digits + "äßЖ漢"
CODE = os.environ["INVITE_CODE"]

schemathesis.openapi.format("displayed-name", st.text(VISIBLE, min_size=1, max_size=200))
# Of more letters than any of the commonest passwords
schemathesis.openapi.format("password", st.text(VISIBLE, min_size=8, max_size=140).map(lambda text: f"q7{text}x"))
schemathesis.openapi.format("emoji", st.sampled_from(["👍", "🎉", "❤️", "ok", "+1"]))
schemathesis.openapi.format("invite-code", st.just(CODE))
schemathesis.openapi.format("slack-payload", st.text(VISIBLE, min_size=1).map(lambda text: json.dumps({"text": text})))


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Keep the scene's room open: in an archived one every later request is refused. Of what is meant to be good leave
    out cursors, since only a listing's answer has good ones, and write whole numbers as such: JSON Schema takes 1.0
    for an integer, and numbers of this interface are ASCII digits.
    """
    if isinstance(case.body, dict) and case.body.get("archived") is True:
        case.body["archived"] = False
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if case.query:
        case.query.pop("cursor", None)
    if isinstance(case.body, dict):
        case.body = {name: int(value) if _is_whole(value) else value for name, value in case.body.items()}


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()
