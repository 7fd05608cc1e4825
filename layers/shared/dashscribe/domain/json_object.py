"""The type of JSON objects whose shape we do not define."""

from __future__ import annotations

from typing import Any

JsonObject = dict[str, Any]
"""A JSON object of the vendor or of an uploader."""
