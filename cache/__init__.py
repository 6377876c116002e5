"""The cache and the bus: fast reads, and processes that hear of each other. Neither is ever the truth; the store is."""
