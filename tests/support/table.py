"""Every port of the jobs table in one object, as tests use it."""

from __future__ import annotations

from dashscribe.adapters.dynamodb.backfill_ledger import DynamoDbBackfillLedger
from dashscribe.adapters.dynamodb.job_records import DynamoDbJobRecords
from dashscribe.adapters.dynamodb.pause_store import DynamoDbPauseStore
from dashscribe.adapters.dynamodb.rate_limiter import DynamoDbRateLimiter
from dashscribe.adapters.dynamodb.vendor_facts import DynamoDbVendorFacts


class JobsTable(
    DynamoDbJobRecords, DynamoDbRateLimiter, DynamoDbPauseStore, DynamoDbVendorFacts, DynamoDbBackfillLedger
):
    """One client, one table, all ports."""
