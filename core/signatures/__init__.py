"""Signatures, not logins, say who: SSH signatures over short texts that a person can read."""
