"""What is done under each heading of the checklist. Every step looks at the record first and can be run any number of times."""
