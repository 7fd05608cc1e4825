"""The commonest words of languages that are written without blanks. Each file names its source and its license."""
