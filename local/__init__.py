"""The local stack, the DashScope simulator and the commands of the Makefile."""
