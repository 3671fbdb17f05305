"""The archive that a client takes away: a BagIt bag of age-encrypted volumes that stock tools open.

RFC 8493 (BagIt 1.0), age-encryption.org/v1, RFC 8878 (Zstandard), POSIX.1-2001 pax.
"""
