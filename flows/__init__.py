"""The flows: each reads like a page of the checklist. They hold no state; the ledger remembers, the systems know."""
