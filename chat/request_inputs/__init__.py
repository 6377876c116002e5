"""What clients send, as typed structs, by noun, with the limits of each field."""
