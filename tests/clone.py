"""What commands leave in a clone of the repository."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_IGNORED = Path(__file__).parent.parent / ".gitignore"


def untracked(folder: Path) -> list[str]:
    """What git would show of a folder if it were a clone. Nothing where there is no git."""
    git = shutil.which("git")
    if git is None:
        return []
    asked = ["-c", f"core.excludesFile={_IGNORED}", "status", "--porcelain", "--untracked-files"]
    subprocess.run([git, "init", "--quiet"], cwd=folder, check=True)
    found = subprocess.check_output([git, *asked], cwd=folder, text=True)
    return [line.removeprefix("?? ") for line in found.splitlines()]
