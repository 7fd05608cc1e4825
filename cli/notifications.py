"""The EventBridge notifications of a bucket: whether they are on, and how to switch them on without losing others."""

from __future__ import annotations

from typing import Any

EVENTBRIDGE = "EventBridgeConfiguration"


def read_notifications(s3: Any, bucket: str) -> dict[str, Any]:
    """The bucket's whole notification configuration."""
    reply = s3.get_bucket_notification_configuration(Bucket=bucket)
    return {name: value for name, value in reply.items() if name != "ResponseMetadata"}


def sends_events(notifications: dict[str, Any]) -> bool:
    return EVENTBRIDGE in notifications


def count_others(notifications: dict[str, Any]) -> int:
    """How many notifications to queues, topics and functions the bucket has."""
    return sum(len(value) for name, value in notifications.items() if name != EVENTBRIDGE)


def switch_on_events(s3: Any, bucket: str) -> dict[str, Any]:
    """Add EventBridge to the bucket's notifications and return what is stored then.

    S3 replaces the whole configuration and has no conditional write. The configuration is read again afterwards, and
    `ValueError` is raised if it is not what was written: another process wrote it at the same time.
    """
    wanted = {**read_notifications(s3, bucket), EVENTBRIDGE: {}}
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration=wanted,
        SkipDestinationValidation=True,  # a broken destination that is there already must not prevent this
    )
    stored = read_notifications(s3, bucket)
    if stored != wanted:
        raise ValueError(f"The notifications of s3://{bucket} differ from what was written. Compare: {stored}")
    return stored
