"""Runs all checks, and repairs what is safe to repair.

No repair changes a balance, the ledger or the state of a clip. Where those are wrong, a person has
to find the cause.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from serve_app.maintenance.doctor import batches, clips, ledger, objects
from serve_app.maintenance.doctor.check_context import Check, CheckContext, Finding

MAX_FINDINGS = 100
"""Findings of each check that are kept for display. All are counted."""

CHECKS: dict[str, tuple[str, Check]] = {
    "balances": ("balances are the sums of their ledgers", ledger.balances),
    "ledger": ("the ledger states the balances it left", ledger.entries),
    "charges": ("succeeded clips are charged once, others never", ledger.charges),
    "batches": ("the counts and credits of batches add up", batches.sums),
    "copies": ("batches that have ended leave no copies of what they read", batches.copies),
    "states": ("every clip is in one state", clips.states),
    "leases": ("no clip is held by a worker that is gone", clips.leases),
    "open-uploads": ("no upload of a result is left open", clips.multipart_uploads),
    "results": ("results and succeeded clips belong together", objects.results),
    "recordings": ("uploads and their objects belong together", objects.recordings),
    "voices": ("voices and their objects belong together", objects.own_voices),
}
"""What holds in a consistent system, and the check of it."""


@dataclass(frozen=True, slots=True)
class ReportedFinding:
    """A finding for display."""

    subject: str
    problem: str
    repaired: bool


@dataclass(slots=True)
class CheckResult:
    """The result of one check."""

    name: str
    title: str
    examined: int = 0
    wrong: int = 0
    repaired: int = 0
    findings: list[ReportedFinding] = field(default_factory=list)
    """The first `MAX_FINDINGS`."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong, or everything was repaired."""
        return self.wrong == self.repaired

    def as_json(self) -> dict[str, Any]:
        shown = [
            {"subject": each.subject, "problem": each.problem, "repaired": each.repaired}
            for each in self.findings
        ]
        return {
            "name": self.name,
            "title": self.title,
            "examined": self.examined,
            "wrong": self.wrong,
            "repaired": self.repaired,
            "findings": shown,
        }


def run_checks(
    context: CheckContext, repair: bool = False, report: Callable[[str], None] = lambda _: None
) -> list[CheckResult]:
    """Runs all checks in turn. Calls `report` with the title of each before it begins. Raises
    StoreError, and SQLAlchemy's errors of the database."""
    results = []
    for name, (title, check) in CHECKS.items():
        report(title)
        results.append(_run(context, name, title, check, repair))
    return results


def _run(context: CheckContext, name: str, title: str, check: Check, repair: bool) -> CheckResult:
    result = CheckResult(name, title)
    examined_before = context.examined.count
    for finding in check(context):
        repaired = repair and _repair(finding)
        result.wrong += 1
        result.repaired += repaired
        if len(result.findings) < MAX_FINDINGS:
            result.findings.append(ReportedFinding(finding.subject, finding.problem, repaired))
    result.examined = context.examined.count - examined_before
    return result


def _repair(finding: Finding) -> bool:
    return finding.repair is not None and finding.repair()
