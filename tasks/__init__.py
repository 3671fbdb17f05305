"""The steps of the checklist as Prefect tasks: names, retries, progress. No business rules."""
