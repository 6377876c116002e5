"""From the store to the sockets: what each room delivers here, in order, without a gap or a double."""
