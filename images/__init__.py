"""The types of uploads by signature, and what becomes of an uploaded image."""
