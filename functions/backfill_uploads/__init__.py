"""Listed objects in, messages for the submit queue out."""
