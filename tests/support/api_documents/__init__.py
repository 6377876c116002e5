"""What the tests of the API documents share: a scene with real ids, and what schemathesis needs to know of it."""
