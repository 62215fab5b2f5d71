"""Every promise is broken on purpose, to prove that the verdict finds it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from serve_app.cli.local_stack import with_store
from serve_app.db.engine import Database
from serve_app.db.models import Clip
from serve_app.ids import new_id
from serve_app.settings import Settings
from serve_app.storage.seaweedfs import SeaweedFS
from serve_app.storage.store import ObjectStore
from tests.chaos import verdict
from tests.chaos.plan import SHORT, Then, make
from tests.chaos.users import UserHistory
from tests.serve_app.maintenance.doctor.damaged_system import DamagedSystem, empty

SUBMISSIONS = make(1, SHORT).submissions


@pytest.fixture
def damaged(seaweed: SeaweedFS, tmp_path: Path) -> Iterator[DamagedSystem]:
    settings = with_store(Settings(s3_bucket="verdict"), seaweed)
    store = ObjectStore(settings)
    store.ensure_bucket()
    database = Database(f"sqlite:///{tmp_path / 'bernie.sqlite3'}")
    database.migrate()
    yield DamagedSystem(settings, database, store, "user-0")
    database.dispose()
    empty(store)


def history(*clips: Clip, keyed: bool = True, then: Then = Then.KEEP) -> UserHistory:
    submission = next(
        each for each in SUBMISSIONS if (each.key is not None) is keyed and each.then is then
    )
    return UserHistory(submission, [clip.id for clip in clips])


def broken(damaged: DamagedSystem, *histories: UserHistory) -> list[str]:
    return [line for promise in verdict.judge(damaged, histories) for line in promise.broken]


def test_judge_accepts_kept_promises(damaged: DamagedSystem) -> None:
    done, again, cancelled = damaged.succeeded(), damaged.succeeded(), damaged.cancelled()
    heard = history(done, done, then=Then.LISTEN)
    heard.heard = hashlib.sha256(damaged.store.get(str(done.s3_key))).hexdigest()
    histories = [
        heard,
        history(done, again, keyed=False),
        history(cancelled, then=Then.CANCEL),
        history(),
    ]
    assert not broken(damaged, *histories)
    assert verdict.outcomes(damaged) == {
        "succeeded": 2,
        "cancelled": 1,
        "with more than one try": 0,
    }


def test_judge_finds_lost_and_unended_clips(damaged: DamagedSystem) -> None:
    pending = damaged.claimed().clip
    lost = Clip(id=new_id())
    assert set(broken(damaged, history(pending), history(lost))) == {
        f"clip {pending.id} is still pending after 1 tries",
        f"clip {lost.id} was accepted and is lost",
    }
    gone = history(lost, then=Then.DELETE)
    gone.removed, gone.last_state = True, "failed"
    assert not broken(damaged, gone), "it was asked to go"


def test_judge_finds_a_deleted_clip_still_there(damaged: DamagedSystem) -> None:
    clip = damaged.succeeded()
    deleted = history(clip, then=Then.DELETE)
    deleted.removed, deleted.last_state = True, "succeeded"
    assert broken(damaged, deleted) == [f"clip {clip.id} was deleted and is still there"]


def test_judge_finds_wrong_answers_to_repeats(damaged: DamagedSystem) -> None:
    one, two = damaged.succeeded(), damaged.succeeded()
    assert len(broken(damaged, history(one, two))) == 1
    assert len(broken(damaged, history(one, one, keyed=False))) == 1


def test_judge_finds_a_charge_for_nothing(damaged: DamagedSystem) -> None:
    clip = damaged.succeeded()
    damaged.store.delete(str(clip.s3_key))
    damaged.spoil(clip, s3_key=None, failed=True, error_code="worker_lost")
    assert f"clip {clip.id} is failed and was charged 1 times" in broken(damaged)


def test_judge_finds_a_deleted_clip_not_charged(damaged: DamagedSystem) -> None:
    gone = history(Clip(id=new_id()), then=Then.DELETE)
    gone.removed, gone.last_state = True, "succeeded"
    (line,) = broken(damaged, gone)
    assert line.endswith("had succeeded when it was deleted, and was not charged")


def test_judge_finds_audio_that_differs(damaged: DamagedSystem) -> None:
    clip = damaged.succeeded()
    heard = history(clip, then=Then.LISTEN)
    heard.heard = hashlib.sha256(b"noise").hexdigest()
    assert broken(damaged, heard) == [f"clip {clip.id} was heard otherwise than it is stored"]
