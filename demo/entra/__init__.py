"""Microsoft's sign-in, Graph and Partner Center, simulated: tenants in memory, by the project's own contract, with faults on demand."""
