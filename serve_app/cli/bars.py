"""Progress bars, on a terminal alone: a log would get their control characters and blank lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn

from serve_app.cli.error_messages import console


def bar_of(*columns: ProgressColumn, transient: bool = False) -> Progress:
    """A bar that shows nothing elsewhere than on a terminal."""
    return Progress(*columns, console=console, transient=transient, disable=not console.is_terminal)


@contextmanager
def step_bar(first: str) -> Iterator[Callable[[str, float], None]]:
    """What takes the step under way, such as `Checking x` or `Downloading x: 3 of 9 MB`, and how
    much is done (0 to 1). A log gets a line for each step, without what follows its colon."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    told = ""
    with bar_of(*columns, transient=True) as progress:
        task = progress.add_task(first, total=1.0)

        def report(what: str, done: float) -> None:
            nonlocal told
            progress.update(task, description=what, completed=done)
            step = what.partition(":")[0]
            if not console.is_terminal and step != told:
                console.print(f"{escape(step)}…", soft_wrap=True)
                told = step

        yield report
