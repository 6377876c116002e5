"""A small model of a whole conversation: what is true of each room, what each client must see, and how to try it."""
