"""Every invariant is violated on purpose, on both databases and a real store."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update

from pipelines.audio.containers import FORMATS
from serve_app.db.models import LedgerEntry, RecordingUpload, User, Voice
from serve_app.ids import new_id
from serve_app.maintenance.doctor import check_context
from serve_app.maintenance.doctor.objects import ExpectedObject, Presence, side_by_side
from serve_app.maintenance.doctor.runner import CHECKS
from serve_app.storage.store import StoredObject
from tests.serve_app.actions import make_user
from tests.serve_app.maintenance.doctor.damaged_system import DamagedSystem, audio
from tests.waiting import until


def test_run_checks_of_a_consistent_system(damaged: DamagedSystem) -> None:
    for format_name in FORMATS:
        damaged.succeeded("styletts2", format_name)
    for service in ("seedvc", "make-an-audio"):
        damaged.succeeded(service)
    damaged.cancelled()
    damaged.upload()
    damaged.voice()
    working = damaged.claimed()
    with damaged.store.open_writer(
        f"styletts2-output/{working.clip.id}.wav", "audio/wav", working.token
    ) as upload:
        upload.write(b"RIFF")
        until_open(damaged)
        damaged.run_checks(deep=True)
    assert damaged.wrong == {}
    assert list(damaged.results) == list(CHECKS)
    examined = {name: result.examined for name, result in damaged.results.items()}
    assert examined["charges"] == examined["states"] == 8
    assert examined["results"] == 8
    assert examined["ledger"] == 7
    assert {examined[name] for name in ("balances", "recordings", "voices", "leases")} == {1}
    assert examined["open-uploads"] == 1


def until_open(damaged: DamagedSystem) -> None:
    """The upload is begun in a thread of its own."""
    until(lambda: damaged.store.list_multipart("styletts2-output/"), 10, "the upload is begun")


def wrong_balance(damaged: DamagedSystem) -> str:
    change = update(User).where(User.id == damaged.user.id).values(balance=User.balance + 50)
    with damaged.database.transaction() as session:
        session.execute(change)
    return f"user {damaged.user.id} has a balance of 10000 credits and a ledger of 9950"


def second_welcome(damaged: DamagedSystem) -> str:
    entry = LedgerEntry(
        user_id=damaged.user.id, amount=0, balance=9_950, reason="sign_up", created_at=1.0
    )
    with damaged.database.transaction() as session:
        session.add(entry)
    return f"user {damaged.user.id} has 2 sign-up entries instead of one"


def wrong_running_balance(damaged: DamagedSystem) -> str:
    change = update(LedgerEntry).where(LedgerEntry.reason == "clip").values(balance=1)
    with damaged.database.transaction() as session:
        session.execute(change)
    return "(clip, -50 credits) states a balance of 1 after 9950"


def unfit_reason(damaged: DamagedSystem) -> str:
    change = update(LedgerEntry).where(LedgerEntry.reason == "clip").values(reason="grant")
    with damaged.database.transaction() as session:
        session.execute(change)
    return "(grant, -50 credits)"


def uncharged(damaged: DamagedSystem) -> str:
    clip = damaged.succeeded()
    with damaged.database.transaction() as session:
        session.execute(delete(LedgerEntry).where(LedgerEntry.clip_id == clip.id))
        session.execute(update(User).values(balance=9_950))
    return f"clip {clip.id} succeeded and was not charged"


def charged_and_failed(damaged: DamagedSystem) -> str:
    clip = damaged.succeeded()
    damaged.store.delete(str(clip.s3_key))
    damaged.spoil(clip, s3_key=None, failed=True, error_code="worker_lost")
    return f"clip {clip.id} was charged 50 credits and has not succeeded"


def charged_another_price(damaged: DamagedSystem) -> str:
    clip = damaged.succeeded()
    damaged.spoil(clip, credits=70)
    return f"clip {clip.id} was charged 50 credits instead of 70"


def charged_to_another(damaged: DamagedSystem) -> str:
    clip = damaged.succeeded()
    other = make_user(damaged.database, "eve", 50)
    damaged.spoil(clip, user_id=other.id)
    return f"clip {clip.id} of user {other.id} was charged to user {damaged.user.id}"


def two_states(damaged: DamagedSystem) -> str:
    clip = damaged.succeeded()
    damaged.spoil(clip, bytes=None)
    return f"clip {clip.id} is succeeded without a size or a length"


def lost_worker(damaged: DamagedSystem) -> str:
    clip = damaged.claimed().clip
    damaged.spoil(clip, lease_until=clip.created_at)
    return f"clip {clip.id} is held by a worker that has not renewed its lease for long"


def held_after_the_end(damaged: DamagedSystem) -> str:
    clip = damaged.succeeded()
    damaged.spoil(clip, lease="token", lease_until=1.0)
    return f"clip {clip.id} has ended and is held or in line"


def open_writer(damaged: DamagedSystem) -> str:
    key = f"styletts2-output/{new_id()}.wav"
    upload = damaged.store.open_writer(key, "audio/wav")
    upload.write(b"RIFF")
    until_open(damaged)
    return f"upload of {key} is open and nobody writes it"


def lost_result(damaged: DamagedSystem) -> str:
    clip = damaged.succeeded()
    damaged.store.delete(str(clip.s3_key))
    return f"object {clip.s3_key} is missing"


def truncated_result(damaged: DamagedSystem) -> str:
    clip = damaged.succeeded("seedvc")
    data = damaged.store.get(str(clip.s3_key))
    damaged.store.put(str(clip.s3_key), data[:-100], "audio/wav")
    return f"object {clip.s3_key} has {len(data) - 100} bytes instead of {len(data)}"


def result_of_nobody(damaged: DamagedSystem) -> str:
    key = f"make-an-audio-outputs/{new_id()}.wav"
    damaged.store.put(key, audio("wav"), "audio/wav")
    return f"object {key} belongs to nothing"


def result_of_a_cancelled_clip(damaged: DamagedSystem) -> str:
    clip = damaged.cancelled()
    key = f"styletts2-output/{clip.id}.wav"
    damaged.store.put(key, audio("wav"), "audio/wav")
    return f"object {key} belongs to nothing"


def foreign_object(damaged: DamagedSystem) -> str:
    damaged.store.put("styletts2-output/notes.txt", b"buy milk", "text/plain")
    return "object styletts2-output/notes.txt belongs to nothing"


def lost_upload(damaged: DamagedSystem) -> str:
    upload = damaged.upload()
    damaged.store.delete(upload.s3_key)
    return f"object {upload.s3_key} is missing"


def upload_of_nobody(damaged: DamagedSystem) -> str:
    upload = damaged.upload()
    with damaged.database.transaction() as session:
        session.execute(delete(RecordingUpload))
    return f"object {upload.s3_key} belongs to nothing"


def lost_voice(damaged: DamagedSystem) -> str:
    voice = damaged.voice()
    damaged.store.delete(voice.s3_key)
    return f"object {voice.s3_key} is missing"


def voice_of_nobody(damaged: DamagedSystem) -> str:
    voice = damaged.voice()
    with damaged.database.transaction() as session:
        session.execute(delete(Voice))
    return f"object {voice.s3_key} belongs to nothing"


def copy_of_nobody(damaged: DamagedSystem) -> str:
    key = f"batches/{new_id()}/manifest.{new_id()}.jsonl"
    damaged.store.put(key, b"{}", "application/x-ndjson")
    return f"object {key} belongs to nothing"


Break = Callable[[DamagedSystem], str]
REPAIRED: list[tuple[Break, str]] = [
    (lost_worker, "leases"),
    (held_after_the_end, "leases"),
    (open_writer, "open-uploads"),
    (result_of_nobody, "results"),
    (result_of_a_cancelled_clip, "results"),
    (upload_of_nobody, "recordings"),
    (voice_of_nobody, "voices"),
    (copy_of_nobody, "copies"),
]
LEFT_ALONE: list[tuple[Break, str]] = [
    (wrong_balance, "balances"),
    (second_welcome, "balances"),
    (wrong_running_balance, "ledger"),
    (unfit_reason, "ledger"),
    (uncharged, "charges"),
    (charged_and_failed, "charges"),
    (charged_another_price, "charges"),
    (charged_to_another, "charges"),
    (two_states, "states"),
    (lost_result, "results"),
    (truncated_result, "results"),
    (foreign_object, "results"),
    (lost_upload, "recordings"),
    (lost_voice, "voices"),
]


@pytest.mark.parametrize(("spoil", "check"), REPAIRED)
def test_run_checks_repairs_what_is_safe_on_request(
    damaged: DamagedSystem, spoil: Break, check: str
) -> None:
    damaged.succeeded()
    said = spoil(damaged)
    for repair in (False, True):
        damaged.run_checks(repair=repair)
        assert set(damaged.wrong) == {check}
        assert damaged.wrong[check] == [said]
        assert damaged.results[check].ok is repair
    damaged.run_checks()
    assert damaged.wrong == {}


@pytest.mark.parametrize(("spoil", "check"), LEFT_ALONE)
def test_run_checks_reports_but_does_not_repair_what_needs_a_person(
    damaged: DamagedSystem, spoil: Break, check: str
) -> None:
    damaged.succeeded()
    said = spoil(damaged)
    for repair in (True, False):
        damaged.run_checks(repair=repair)
        assert check in damaged.wrong
        assert any(said in each for each in damaged.wrong[check])
        assert not damaged.results[check].ok
        assert damaged.results[check].repaired == 0


def test_run_checks_ignores_work_in_flight(damaged: DamagedSystem) -> None:
    for begin in (lost_worker, open_writer, result_of_nobody, upload_of_nobody):
        begin(damaged)
    damaged.run_checks(age=60, repair=True)
    assert damaged.wrong == {}


def test_leases_repair_lets_the_clip_be_claimed(damaged: DamagedSystem) -> None:
    lost_worker(damaged)
    damaged.run_checks(repair=True)
    again = damaged.claim()
    assert (again.clip.attempts, again.clip.losses) == (2, 1)


def test_deep_check_finds_undecodable_audio(damaged: DamagedSystem) -> None:
    clip = damaged.succeeded(format_name="flac")
    size = len(damaged.store.get(str(clip.s3_key)))
    damaged.store.put(str(clip.s3_key), bytes(size), "audio/flac")
    damaged.run_checks()
    assert damaged.wrong == {}
    damaged.run_checks(deep=True)
    (said,) = damaged.wrong["results"]
    assert said.startswith(f"object {clip.s3_key} does not decode: ")


def test_deep_check_finds_audio_of_another_length(damaged: DamagedSystem) -> None:
    clip = damaged.succeeded()
    damaged.spoil(clip, audio_seconds=2.0)
    damaged.run_checks(deep=True)
    assert damaged.wrong == {
        "results": [f"object {clip.s3_key} lasts 0.50 seconds instead of 2.00"]
    }


def test_rows_are_read_in_pages(damaged: DamagedSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_context, "BATCH_SIZE", 2)
    made = [damaged.succeeded() for _ in range(5)]
    for clip in made[1::2]:
        damaged.store.delete(str(clip.s3_key))
    damaged.run_checks()
    assert damaged.wrong == {"results": [f"object {clip.s3_key} is missing" for clip in made[1::2]]}
    assert damaged.results["charges"].examined == 5


@given(st.sets(st.text("abc", min_size=1)), st.sets(st.text("abc", min_size=1)))
def test_side_by_side_pairs_rows_and_objects_by_key(rows: set[str], objects: set[str]) -> None:
    pairs = list(
        side_by_side(
            (ExpectedObject(key, Presence.REQUIRED) for key in sorted(rows)),
            (StoredObject(key, 1, 1.0) for key in sorted(objects)),
        )
    )
    assert [row.key for row, _ in pairs if row is not None] == sorted(rows)
    assert [stored.key for _, stored in pairs if stored is not None] == sorted(objects)
    met = {row.key for row, stored in pairs if row is not None and stored is not None}
    assert met == rows & objects
    assert all(row.key == stored.key for row, stored in pairs if row and stored)
