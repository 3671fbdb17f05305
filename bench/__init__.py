"""Measures Good Leaver against the tools that one would use instead, on this machine: `python -m bench --help`."""
