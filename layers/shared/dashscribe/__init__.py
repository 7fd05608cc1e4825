"""dashscribe transcribes the media of one S3 bucket into another bucket with DashScope speech recognition.

`domain` is pure: it does no I/O, and the time is an argument. `services` are the use cases. `adapters` call AWS and
DashScope. `wiring` builds the object graph of each function.
"""

import gc
import os

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # All objects that a function creates at start-up stay alive. Collecting garbage among them would take a seventh of
    # a cold start. `wiring` turns the collector on again when the service is built.
    gc.disable()
