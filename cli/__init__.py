"""The command `dashscribe`."""
