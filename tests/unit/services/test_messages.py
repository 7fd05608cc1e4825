"""The messages of a delivery, as Lambda passes them to a function."""

from __future__ import annotations

from dashscribe.services.messages import messages_in, partial_failure
from dashscribe.services.ports import Message


def test_only_the_failed_messages_of_a_delivery_return_to_the_queue() -> None:
    delivered = messages_in({"Records": [{"messageId": "m-1", "body": "{}"}, {"messageId": "m-2", "body": "[]"}]})
    assert delivered == [Message("m-1", "{}"), Message("m-2", "[]")]
    assert partial_failure([delivered[1].message_id]) == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}
