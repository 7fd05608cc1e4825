"""Which model family a model name that is not in the catalogue belongs to, by the form of the name.

The vendor adds dated snapshots and new versions under names of the same form (docs/vendor-api.md#models).
"""

from __future__ import annotations

import re

_DATE = r"(-\d{4}-\d{2}-\d{2}|-latest)?"
_FORMS = {
    "fun-asr-flash": rf"fun-asr-flash{_DATE}",
    "fun-asr": rf"fun-asr(-mtl)?{_DATE}",
    "paraformer": r"paraformer-v\d+",
    "qwen3-asr-filetrans": rf"qwen\d+(\.\d+)?-asr-flash-filetrans{_DATE}(-us)?",
    "qwen3-asr-flash": rf"qwen\d+(\.\d+)?-asr-flash{_DATE}(-us)?",
    "qwen-audio-filetrans": rf"qwen-audio-\d+(\.\d+)?-asr-flash-filetrans{_DATE}",
    "qwen-audio-flash": rf"qwen-audio-\d+(\.\d+)?-asr-flash{_DATE}",
    "qwen-omni": rf"qwen(\d+(\.\d+)?)?-omni-[a-z]+{_DATE}",
}


def find_family(model: str) -> str:
    """Return the family of a model name; empty if the name has the form of none."""
    return next((family for family, form in _FORMS.items() if re.fullmatch(form, model, re.ASCII)), "")
