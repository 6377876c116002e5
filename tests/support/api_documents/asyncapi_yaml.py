"""Writes docs/asyncapi.yaml: `.venv/bin/python -m tests.support.api_documents.asyncapi_yaml`."""

from __future__ import annotations

import json

import yaml

from app.version import VERSION
from handlers.documents.asyncapi import asyncapi_document
from tests.support.server import ROOT

PLACE = ROOT / "docs" / "asyncapi.yaml"
HEAD = "# Made by `.venv/bin/python -m tests.support.api_documents.asyncapi_yaml` of what decodes and what is sent.\n"


def asyncapi_yaml() -> str:
    """The document as text."""
    plain = json.loads(json.dumps(asyncapi_document(version=VERSION)))  # without shared parts, which YAML would name
    return HEAD + yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":
    PLACE.write_text(asyncapi_yaml(), encoding="utf-8")
