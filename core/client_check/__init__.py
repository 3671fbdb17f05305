"""The client's own look: it comes in by a way of its own, sees whether our access is gone, and signs what it found."""
