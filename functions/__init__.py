"""The Lambda functions. Each folder is one function; its entry point is `app.handler`."""
