"""Figures as JSON, with the machine, the day and the commit they are of."""

from __future__ import annotations

import json
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

FOLDER = Path(__file__).parent / "results"


def write_results(name: str, found: list[dict[str, Any]]) -> Path:
    """Write benchmarks/results/name.json."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps({**where_and_when(), "found": found}, indent=1) + "\n")
    return path


def where_and_when() -> dict[str, str]:
    """Processor, day, commit, versions."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
        cwd=FOLDER.parent,
    )
    return {
        "processor": _processor(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "day": datetime.now(timezone.utc).date().isoformat(),
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
