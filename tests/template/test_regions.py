"""The template deploys to the regions that its users need, in every partition."""

from __future__ import annotations

from pathlib import Path

REGIONS = ["us-east-1", "ap-southeast-1", "eu-central-1", "cn-north-1", "cn-northwest-1", "us-gov-west-1"]
"""A region of each continent, both regions of aws-cn (near DashScope's vendor in Beijing), and one of aws-us-gov."""


def test_each_region_has_every_type_and_property_of_the_template(root: Path) -> None:
    """cfn-lint makes the CloudFormation template from the SAM template, and has a schema of each region. It names the
    region of what it reports."""
    # Not at the top: each process of the tests would import it, for a second.
    from cfnlint.api import lint_file  # type: ignore[import-untyped]  # it ships no types
    from cfnlint.config import ManualArgs  # type: ignore[import-untyped]

    config = ManualArgs(regions=REGIONS)
    assert [str(match) for match in lint_file(root / "template.yaml", config=config)] == []
