"""The rules: models, the catalogue, a job's life, what a vendor reply means. Pure; imports nothing that does I/O."""
