"""The report on paper: one PDF for people who read, with the evidence for programs attached to it."""
