"""The Lambda functions: one folder each, `app.handler`."""
