"""Writes the CloudFormation template that SAM generates from template.yaml. It runs in SAM CLI's environment:
`.local/sam/bin/python local/transform.py template.yaml transformed.yaml` (see `make check`)."""

from __future__ import annotations

import sys
from pathlib import Path

from samcli.lib.translate.sam_template_validator import (  # type: ignore[import-not-found]  # SAM CLI's own
    SamTemplateValidator,
)
from samcli.yamlhelper import yaml_parse  # type: ignore[import-not-found]


class NoManagedPolicies:
    """SAM would query IAM for managed policies; the template uses none."""

    def load(self) -> dict[str, str]:
        return {}


def main(source: Path, target: Path) -> None:
    validator = SamTemplateValidator(yaml_parse(source.read_text()), NoManagedPolicies(), region="us-east-1")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(validator.get_translated_template_if_valid())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
