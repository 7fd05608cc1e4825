"""The logger and the metrics that all functions use.

Powertools reads the service name from POWERTOOLS_SERVICE_NAME and the metrics' namespace from
POWERTOOLS_METRICS_NAMESPACE. Every log line passes through `redacted` first, so that no secret reaches a log.
"""

from __future__ import annotations

import re
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit

_SECRETS = re.compile(
    r"""(?P<query>https?://[^\s"'<>?\\]+\?)[^\s"'<>\\]*(?=[\s"'<>\\]|$)  # the query of a URL may contain a signature
      | (?P<bearer>Bearer\s+)[^\s"'\\<>,}]+
      | \b(?:sk|st)-[A-Za-z0-9_-]{4,}
      | (?:X-Amz-(?:Signature|Security-Token|Credential)|OSSAccessKeyId|Signature)(?:=|%3D)[^&\s"'%]+
    """,
    re.VERBOSE | re.IGNORECASE,
)


def redacted(text: str) -> str:
    """Return the text with URL queries, bearer tokens, API keys and signatures replaced by `[redacted]`."""
    return _SECRETS.sub(lambda found: (found["query"] or found["bearer"] or "") + "[redacted]", text)


class RedactingFormatter(LambdaPowertoolsFormatter):
    """Powertools' JSON formatter, which redacts each finished line. A secret is removed whatever field it is in."""

    def serialize(self, log: Any) -> str:
        return redacted(str(super().serialize(log)))


logger = Logger(logger_formatter=RedactingFormatter())
metrics = Metrics()


def add_nonzero_counts(**counts: int) -> None:
    """Emit the counters that are not zero. CloudWatch bills a metric for each hour in which it is emitted."""
    for name, count in counts.items():
        if count:
            metrics.add_metric(name, MetricUnit.Count, count)


__all__ = ["MetricUnit", "add_nonzero_counts", "logger", "metrics", "redacted"]
