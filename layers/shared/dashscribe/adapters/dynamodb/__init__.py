"""The jobs table. Each module implements one port; `items` has what they share."""
