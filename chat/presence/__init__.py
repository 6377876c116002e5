"""Who is online, and who is typing."""
