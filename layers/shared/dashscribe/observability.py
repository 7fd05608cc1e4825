"""The logger and the metrics that all functions use.

Powertools reads the service name from POWERTOOLS_SERVICE_NAME and the metrics' namespace from
POWERTOOLS_METRICS_NAMESPACE. Every log line passes through `redacted` first, so that no secret reaches a log.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit

from dashscribe.redaction import redacted

NEVER_LOGGED_BELOW = {
    "httpx": logging.WARNING,  # logs each URL at INFO, with its signature
    "httpcore": logging.WARNING,  # logs headers, with the API key, at DEBUG
    "botocore": logging.INFO,  # logs credentials and signatures at DEBUG
    "boto3": logging.INFO,
    "urllib3": logging.INFO,  # logs paths with their queries at DEBUG
}
"""The lowest level of each library's logger. It holds whatever log level the function has."""


def silence_libraries() -> None:
    """Keep the libraries from logging secrets. Importing this module does so."""
    for name, level in NEVER_LOGGED_BELOW.items():
        logging.getLogger(name).setLevel(level)


silence_libraries()


class RedactingFormatter(LambdaPowertoolsFormatter):
    """Powertools' JSON formatter, which redacts each finished line. A secret is removed whatever field it is in."""

    def serialize(self, log: Any) -> str:
        return redacted(str(super().serialize(log)))


logger = Logger(logger_formatter=RedactingFormatter())
metrics = Metrics()
warnings.filterwarnings("ignore", "No application metrics to publish")  # an idle pass has none


def add_nonzero_counts(**counts: int) -> None:
    """Emit the counters that are not zero. CloudWatch bills a metric for each hour in which it is emitted."""
    for name, count in counts.items():
        if count:
            metrics.add_metric(name, MetricUnit.Count, count)


__all__ = ["MetricUnit", "add_nonzero_counts", "logger", "metrics", "redacted"]
