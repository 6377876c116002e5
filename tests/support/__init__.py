"""What tests share: a real server process, and clients that speak the contract and nothing else."""
