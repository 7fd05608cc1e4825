"""dashscribe: media in an S3 bucket becomes transcripts in another, through DashScope speech recognition.

`domain` is pure (no I/O, time passed in), `services` are the use cases, `adapters` speak to AWS and DashScope.
"""

import gc
import os

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # What a function imports and makes while it starts stays: looking for garbage among it would be a seventh of a cold
    # start. `wiring` turns the collector on again once the service is made.
    gc.disable()
