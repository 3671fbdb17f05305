"""What a person configures: engagement files, where things are, and the composition root over both."""
