"""The one logger and the metrics of every function. Their names come from POWERTOOLS_SERVICE_NAME and _NAMESPACE.

The logger is the edge where secrets would leave: whatever is logged goes through `redacted` first.
"""

from __future__ import annotations

import re
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit

_SECRETS = re.compile(
    r"""(?P<query>https?://[^\s"'<>?\\]+\?)[^\s"'<>\\]*(?=[\s"'<>\\]|$)  # any URL's query: signatures live there
      | (?P<bearer>Bearer\s+)[^\s"'\\<>,}]+
      | \b(?:sk|st)-[A-Za-z0-9_-]{4,}
      | (?:X-Amz-(?:Signature|Security-Token|Credential)|OSSAccessKeyId|Signature)(?:=|%3D)[^&\s"'%]+
    """,
    re.VERBOSE | re.IGNORECASE,
)


def redacted(text: str) -> str:
    """The text without query strings, bearer tokens, API keys and signatures."""
    return _SECRETS.sub(lambda found: (found["query"] or found["bearer"] or "") + "[redacted]", text)


class RedactingFormatter(LambdaPowertoolsFormatter):
    """Powertools' JSON lines, with secrets taken out of the finished line, whichever field they came in by."""

    def serialize(self, log: Any) -> str:
        return redacted(str(super().serialize(log)))


logger = Logger(logger_formatter=RedactingFormatter())
metrics = Metrics()


def count_when_any(**counts: int) -> None:
    """Metrics of what should not happen. One is paid for by the hours in which it is told, so nought is not told."""
    for name, count in counts.items():
        if count:
            metrics.add_metric(name, MetricUnit.Count, count)


__all__ = ["MetricUnit", "count_when_any", "logger", "metrics", "redacted"]
