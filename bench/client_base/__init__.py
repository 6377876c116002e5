"""What both load clients are made of: sockets that never block, and processes that execute commands."""
