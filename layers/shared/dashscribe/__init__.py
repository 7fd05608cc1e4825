"""dashscribe: media in an S3 bucket becomes transcripts in another, through DashScope speech recognition.

`domain` is pure (no I/O, time passed in), `services` are the use cases, `adapters` speak to AWS and DashScope.
"""
