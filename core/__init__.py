"""The exit itself: nouns, rules, formats and records. No Prefect, no network, no clock."""
