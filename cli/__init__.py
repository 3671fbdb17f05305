"""`offboard …`: what a form in the Prefect UI cannot do, for people at a terminal."""
