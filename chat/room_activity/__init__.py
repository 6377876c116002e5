"""Tells members' connections which rooms that they have not joined have something new."""
