"""Those who act on a store in tests."""

from __future__ import annotations

from store.models import Actor

# May edit and delete every message without being a member of its room.
ADMIN = Actor("administrator", is_admin=True)
