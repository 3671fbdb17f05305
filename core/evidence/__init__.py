"""The evidence bundle: written, summarised and verified."""
