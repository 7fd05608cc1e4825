"""Queue messages in, DashScope tasks out."""
