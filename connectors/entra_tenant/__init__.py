"""Microsoft 365: what is asked of Graph and of Partner Center, and nothing else."""
