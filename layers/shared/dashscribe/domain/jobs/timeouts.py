"""How long claims, waits and records last. tests/template/test_safety_relations.py checks the relations between
them."""

from __future__ import annotations

from datetime import timedelta

CLAIM_LASTS = timedelta(seconds=90)
"""A claim of the submit function. It is longer than the function's time-out, so that the owner of an expired claim is
certainly dead."""
CALL_CLAIM_LASTS = timedelta(seconds=390)
"""A claim of the function that calls the synchronous models, for the same reason."""
LOST_MESSAGE_AFTER = timedelta(seconds=100)
"""A job that was recorded or requeued, and not claimed by then, is requeued: its message was lost."""
LOST_CALL_MESSAGE_AFTER = timedelta(minutes=30)
"""The same for the queue of the synchronous models, which processes one call at a time."""
PUBLISH_AGAIN_AFTER = timedelta(seconds=30)
"""How long the loop waits before it publishes a terminal event again that EventBridge refused."""
TASK_SAFETY_NET = timedelta(hours=6)
"""When a submitted job is checked although its task should have ended it."""
TASK_DEADLINE = timedelta(hours=4)
"""The vendor fails a task after 3 hours (`InternalError.Timeout`, docs/vendor-api.md#processing-time). One more hour is
for the vendor's queue."""
UNKNOWN_CONFIRMED_AFTER = timedelta(minutes=2)
"""A task counts as unknown when every query of this time says so. A server that has not heard of a new task yet, or has
lost its state for a moment, must not cost a second submission."""
RESULTS_LIVE = timedelta(hours=24)
"""The vendor deletes results this long after the task's end (docs/vendor-api.md#result-retention)."""
RESULTS_LIVE_MARGIN = timedelta(minutes=5)
"""The last download of a result is at least this long before its end: the loop may be late, and clocks differ."""
MAX_FINALIZE_DELAY = timedelta(minutes=15)
"""The longest time between two downloads of a result."""
DELAYED_AFTER = timedelta(minutes=15)
"""`Transcription Delayed` is published after this time without progress."""
THROTTLED_WITHIN = timedelta(hours=24)
"""A job fails when the vendor refused each of its submissions of this time because of the rate."""
VENDOR_CLOCK_TOLERANCE = timedelta(minutes=2)
"""How far the vendor's time of a task may differ from ours. It covers the time-out of the POST."""
TASK_LIST_WINDOW = timedelta(hours=23)
"""A task older than this may be missing from the task list, which covers 24 hours (docs/vendor-api.md#task-list)."""
RECONCILE_AFTER = timedelta(seconds=10)
"""When a lost response is first reconciled. Later attempts follow `retry_policy.reconcile_delay`."""
LIST_COMPLETE_AFTER = timedelta(seconds=120)
"""After the response was lost. The vendor may accept a POST after our time-out, and a new task may appear late in the
task list: before this its absence proves nothing."""
RECONCILE_WITHIN = timedelta(minutes=10)
"""How long reconciliation is tried, from the first list that was read, before the submission counts as undetermined."""
KEEP_RECORDS = timedelta(days=30)
"""How long a finished record is kept. Afterwards the job's job.json still tells what happened."""
