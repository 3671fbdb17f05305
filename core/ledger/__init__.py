"""The memory of an exit: an append-only log under a Merkle tree, signed checkpoints, and the lease of its one writer."""
