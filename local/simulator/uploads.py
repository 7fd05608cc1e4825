"""The vendor's temporary storage: `oss://` URLs for local files (docs/vendor-api.md#temporary-files).

A client gets an upload policy, posts the file as a form to the host that the policy names, and uses the `oss://` URL in
a request. The simulator is that host too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from local.simulator.checks import OSS
from local.simulator.scenario import Scenario

UPLOADS_PATH = "/api/v1/uploads"
UPLOAD_HOST_PATH = "/uploaded-files"
_POLICY_SECONDS = 300
_MAX_FILE_SIZE_MB = 2048


class UploadRefusedError(Exception):
    """When an upload is refused: the HTTP status and the code of OSS."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Uploads:
    """The uploaded files of one simulator. They are in memory, and expire."""

    def __init__(self, scenario: Scenario, public_url: str) -> None:
        self._scenario = scenario
        self._public_url = public_url
        self._signing_key = secrets.token_bytes(16)
        self._files: dict[str, tuple[float, bytes]] = {}

    def policy(self) -> dict[str, Any]:
        """Return a new upload policy, with a folder of its own."""
        folder = f"dashscope-instant/{datetime.now(UTC):%Y-%m-%d}/{uuid.uuid4()}"
        expires = (datetime.now(UTC) + timedelta(seconds=_POLICY_SECONDS)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        conditions = {"expiration": expires, "conditions": [["starts-with", "$key", folder]]}
        policy = base64.b64encode(json.dumps(conditions).encode()).decode()
        return {
            "policy": policy,
            "signature": self._sign(policy),
            "upload_dir": folder,
            "upload_host": f"{self._public_url}{UPLOAD_HOST_PATH}",
            "expire_in_seconds": _POLICY_SECONDS,
            "max_file_size_mb": _MAX_FILE_SIZE_MB,
            "capacity_limit_mb": 999_999_999,
            "oss_access_key_id": "simulator",
            "x_oss_object_acl": "private",
            "x_oss_forbid_overwrite": "true",
        }

    def store(self, fields: Mapping[str, bytes]) -> int:
        """Store the file of a form, and return the HTTP status that the form wants. Raises `UploadRefusedError`."""
        key, policy = fields.get("key", b"").decode(errors="replace"), fields.get("policy", b"").decode("latin-1")
        if "file" not in fields or not key:
            raise UploadRefusedError(400, "InvalidArgument")
        if not hmac.compare_digest(self._sign(policy).encode(), fields.get("Signature", b"")):
            raise UploadRefusedError(403, "SignatureDoesNotMatch")
        conditions = json.loads(base64.b64decode(policy))
        expires = datetime.strptime(conditions["expiration"], "%Y-%m-%dT%H:%M:%S.000Z").replace(tzinfo=UTC)
        if datetime.now(UTC) > expires or not key.startswith(conditions["conditions"][0][2]):
            raise UploadRefusedError(403, "AccessDenied")
        if key in self._files:
            raise UploadRefusedError(409, "FileAlreadyExists")
        self._files = {each: file for each, file in self._files.items() if self._is_kept(file[0])}
        self._files[key] = (time.time(), fields["file"])
        return 200 if fields.get("success_action_status") == b"200" else 204

    def find(self, url: str) -> bytes | None:
        """Return an uploaded file; None if it does not exist or has expired."""
        stored_at, content = self._files.get(url.removeprefix(OSS), (0.0, b""))
        return content if self._is_kept(stored_at) else None

    def _is_kept(self, stored_at: float) -> bool:
        return time.time() < stored_at + self._scenario.behaviour.upload_seconds_to_live

    def _sign(self, policy: str) -> str:
        return base64.b64encode(hmac.new(self._signing_key, policy.encode(), hashlib.sha1).digest()).decode()
