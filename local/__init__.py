"""What runs on your machine instead of a cloud: the DashScope simulator and the stack runner."""
