"""`make picture`: records `make run` as docs/images/make-run.svg, the picture in the README."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from local import main_job
from local.stack import LOCAL, ROOT, Stack

PICTURE = ROOT / "docs" / "images" / "make-run.svg"
COLUMNS = 108


def record() -> int:
    """Run the main job with the samples and write the picture; 0 when every sample has a transcript."""
    console = Console(record=True, file=io.StringIO(), width=COLUMNS, force_terminal=False)
    console.print("$ make run", style="bold")
    status = main_job.run("", Path("out"), Stack(LOCAL / "run", say=console.print, load_recogniser=True), console)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    console.save_svg(str(PICTURE), title="dashscribe", unique_id="make-run")
    print(f"wrote {PICTURE.relative_to(ROOT)}")
    return status
