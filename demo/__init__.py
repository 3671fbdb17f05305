"""A whole simulated client made of real servers, and the walk of its exit. `python -m demo` runs it."""
