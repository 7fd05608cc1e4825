"""The use cases, one per function, written against the ports in `services.ports`."""
