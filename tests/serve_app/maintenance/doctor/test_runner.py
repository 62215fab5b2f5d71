"""Every invariant is broken on purpose, on both databases and a real store."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update

from pipelines.audio.containers import FORMATS
from serve_app.db.models import LedgerEntry, Upload, User, Voice
from serve_app.ids import new_id
from serve_app.maintenance.doctor import check_context
from serve_app.maintenance.doctor.objects import Expected, Need, side_by_side
from serve_app.maintenance.doctor.runner import CHECKS
from serve_app.media.live_audio import piece_key
from serve_app.storage.store import StoredObject
from tests.serve_app.actions import make_user
from tests.serve_app.maintenance.doctor.damage import Clinic, audio


def test_a_system_that_is_well(clinic: Clinic) -> None:
    for format_name in FORMATS:
        clinic.succeeded("styletts2", format_name)
    for service in ("seedvc", "make-an-audio"):
        clinic.succeeded(service)
    clinic.cancelled()
    clinic.upload()
    clinic.voice()
    working = clinic.claimed()
    clinic.store.put(piece_key(working.clip.id, working.started, 1), b"audio", "audio/wav")
    with clinic.store.open_upload(
        f"styletts2-output/{working.clip.id}.wav", "audio/wav", working.token
    ) as upload:
        upload.write(b"RIFF")
        until_open(clinic)
        clinic.examine(deep=True)
    assert clinic.wrong == {}
    assert list(clinic.results) == list(CHECKS)
    examined = {name: result.examined for name, result in clinic.results.items()}
    assert examined["charges"] == examined["states"] == 8
    assert examined["results"] == 8
    assert examined["ledger"] == 7
    assert {examined[name] for name in ("balances", "recordings", "voices", "leases")} == {1}
    assert examined["open-uploads"] == examined["pieces"] == 1


def until_open(clinic: Clinic) -> None:
    """The upload is begun in a thread of its own."""
    while not clinic.store.list_uploads("styletts2-output/"):
        time.sleep(0.01)


def wrong_balance(clinic: Clinic) -> str:
    change = update(User).where(User.id == clinic.user.id).values(balance=User.balance + 50)
    with clinic.database.transaction() as session:
        session.execute(change)
    return f"user {clinic.user.id} has a balance of 10000 credits and a ledger of 9950"


def second_welcome(clinic: Clinic) -> str:
    entry = LedgerEntry(
        user_id=clinic.user.id, amount=0, balance=9_950, reason="sign_up", created_at=1.0
    )
    with clinic.database.transaction() as session:
        session.add(entry)
    return f"user {clinic.user.id} has 2 sign-up entries instead of one"


def wrong_running_balance(clinic: Clinic) -> str:
    change = update(LedgerEntry).where(LedgerEntry.reason == "clip").values(balance=1)
    with clinic.database.transaction() as session:
        session.execute(change)
    return "(clip, -50 credits) states a balance of 1 after 9950"


def unfit_reason(clinic: Clinic) -> str:
    change = update(LedgerEntry).where(LedgerEntry.reason == "clip").values(reason="grant")
    with clinic.database.transaction() as session:
        session.execute(change)
    return "(grant, -50 credits)"


def uncharged(clinic: Clinic) -> str:
    clip = clinic.succeeded()
    with clinic.database.transaction() as session:
        session.execute(delete(LedgerEntry).where(LedgerEntry.clip_id == clip.id))
        session.execute(update(User).values(balance=9_950))
    return f"clip {clip.id} succeeded and was not charged"


def charged_and_failed(clinic: Clinic) -> str:
    clip = clinic.succeeded()
    clinic.store.delete(str(clip.s3_key))
    clinic.spoil(clip, s3_key=None, failed=True, error_code="worker_lost")
    return f"clip {clip.id} was charged 50 credits and has not succeeded"


def charged_another_price(clinic: Clinic) -> str:
    clip = clinic.succeeded()
    clinic.spoil(clip, credits=70)
    return f"clip {clip.id} was charged 50 credits instead of 70"


def charged_to_another(clinic: Clinic) -> str:
    clip = clinic.succeeded()
    other = make_user(clinic.database, "eve", 50)
    clinic.spoil(clip, user_id=other.id)
    return f"clip {clip.id} of user {other.id} was charged to user {clinic.user.id}"


def two_states(clinic: Clinic) -> str:
    clip = clinic.succeeded()
    clinic.spoil(clip, bytes=None)
    return f"clip {clip.id} is succeeded without a size or a length"


def lost_worker(clinic: Clinic) -> str:
    clip = clinic.claimed().clip
    clinic.spoil(clip, lease_until=clip.created_at)
    return f"clip {clip.id} is held by a worker that has not renewed its lease for long"


def held_after_the_end(clinic: Clinic) -> str:
    clip = clinic.succeeded()
    clinic.spoil(clip, lease="token", lease_until=1.0)
    return f"clip {clip.id} has ended and is held or in line"


def open_upload(clinic: Clinic) -> str:
    key = f"styletts2-output/{new_id()}.wav"
    upload = clinic.store.open_upload(key, "audio/wav")
    upload.write(b"RIFF")
    until_open(clinic)
    return f"upload of {key} is open and nobody writes it"


def lost_result(clinic: Clinic) -> str:
    clip = clinic.succeeded()
    clinic.store.delete(str(clip.s3_key))
    return f"object {clip.s3_key} is missing"


def truncated_result(clinic: Clinic) -> str:
    clip = clinic.succeeded("seedvc")
    data = clinic.store.get(str(clip.s3_key))
    clinic.store.put(str(clip.s3_key), data[:-100], "audio/wav")
    return f"object {clip.s3_key} has {len(data) - 100} bytes instead of {len(data)}"


def result_of_nobody(clinic: Clinic) -> str:
    key = f"make-an-audio-outputs/{new_id()}.wav"
    clinic.store.put(key, audio("wav"), "audio/wav")
    return f"object {key} belongs to nothing"


def result_of_a_cancelled_clip(clinic: Clinic) -> str:
    clip = clinic.cancelled()
    key = f"styletts2-output/{clip.id}.wav"
    clinic.store.put(key, audio("wav"), "audio/wav")
    return f"object {key} belongs to nothing"


def foreign_object(clinic: Clinic) -> str:
    clinic.store.put("styletts2-output/notes.txt", b"buy milk", "text/plain")
    return "object styletts2-output/notes.txt belongs to nothing"


def lost_upload(clinic: Clinic) -> str:
    upload = clinic.upload()
    clinic.store.delete(upload.s3_key)
    return f"object {upload.s3_key} is missing"


def upload_of_nobody(clinic: Clinic) -> str:
    upload = clinic.upload()
    with clinic.database.transaction() as session:
        session.execute(delete(Upload))
    return f"object {upload.s3_key} belongs to nothing"


def lost_voice(clinic: Clinic) -> str:
    voice = clinic.voice()
    clinic.store.delete(voice.s3_key)
    return f"object {voice.s3_key} is missing"


def voice_of_nobody(clinic: Clinic) -> str:
    voice = clinic.voice()
    with clinic.database.transaction() as session:
        session.execute(delete(Voice))
    return f"object {voice.s3_key} belongs to nothing"


def left_piece(clinic: Clinic) -> str:
    clip = clinic.succeeded()
    key = piece_key(clip.id, 2, 1)
    clinic.store.put(key, b"audio", "audio/wav")
    return f"object {key} is of a clip that nobody makes"


Break = Callable[[Clinic], str]
REPAIRED: list[tuple[Break, str]] = [
    (lost_worker, "leases"),
    (held_after_the_end, "leases"),
    (open_upload, "open-uploads"),
    (result_of_nobody, "results"),
    (result_of_a_cancelled_clip, "results"),
    (upload_of_nobody, "recordings"),
    (voice_of_nobody, "voices"),
    (left_piece, "pieces"),
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
def test_what_is_safe_is_repaired_on_request(clinic: Clinic, spoil: Break, check: str) -> None:
    clinic.succeeded()
    said = spoil(clinic)
    for repair in (False, True):
        clinic.examine(repair=repair)
        assert set(clinic.wrong) == {check}
        assert clinic.wrong[check] == [said]
        assert clinic.results[check].well is repair
    clinic.examine()
    assert clinic.wrong == {}


@pytest.mark.parametrize(("spoil", "check"), LEFT_ALONE)
def test_what_needs_a_person_is_said_and_left_alone(
    clinic: Clinic, spoil: Break, check: str
) -> None:
    clinic.succeeded()
    said = spoil(clinic)
    for repair in (True, False):
        clinic.examine(repair=repair)
        assert check in clinic.wrong
        assert any(said in each for each in clinic.wrong[check])
        assert not clinic.results[check].well
        assert clinic.results[check].repaired == 0


def test_work_in_flight_is_no_finding(clinic: Clinic) -> None:
    for begin in (lost_worker, open_upload, result_of_nobody, upload_of_nobody, left_piece):
        begin(clinic)
    clinic.examine(age=60, repair=True)
    assert clinic.wrong == {}


def test_a_freed_clip_is_made_after_all(clinic: Clinic) -> None:
    lost_worker(clinic)
    clinic.examine(repair=True)
    again = clinic.claim()
    assert (again.clip.attempts, again.clip.losses) == (2, 1)


def test_what_does_not_decode_is_found_by_looking_deep(clinic: Clinic) -> None:
    clip = clinic.succeeded(format_name="flac")
    size = len(clinic.store.get(str(clip.s3_key)))
    clinic.store.put(str(clip.s3_key), bytes(size), "audio/flac")
    clinic.examine()
    assert clinic.wrong == {}
    clinic.examine(deep=True)
    (said,) = clinic.wrong["results"]
    assert said.startswith(f"object {clip.s3_key} does not decode: ")


def test_audio_of_another_length_is_found_by_looking_deep(clinic: Clinic) -> None:
    clip = clinic.succeeded()
    clinic.spoil(clip, audio_seconds=2.0)
    clinic.examine(deep=True)
    assert clinic.wrong == {"results": [f"object {clip.s3_key} lasts 0.50 seconds instead of 2.00"]}


def test_many_rows_are_read_page_by_page(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_context, "ROWS_AT_ONCE", 2)
    made = [clinic.succeeded() for _ in range(5)]
    for clip in made[1::2]:
        clinic.store.delete(str(clip.s3_key))
    clinic.examine()
    assert clinic.wrong == {"results": [f"object {clip.s3_key} is missing" for clip in made[1::2]]}
    assert clinic.results["charges"].examined == 5


@given(st.sets(st.text("abc", min_size=1)), st.sets(st.text("abc", min_size=1)))
def test_rows_and_objects_meet_by_key(rows: set[str], objects: set[str]) -> None:
    pairs = list(
        side_by_side(
            (Expected(key, Need.MUST) for key in sorted(rows)),
            (StoredObject(key, 1, 1.0) for key in sorted(objects)),
        )
    )
    assert [row.key for row, _ in pairs if row is not None] == sorted(rows)
    assert [stored.key for _, stored in pairs if stored is not None] == sorted(objects)
    met = {row.key for row, stored in pairs if row is not None and stored is not None}
    assert met == rows & objects
    assert all(row.key == stored.key for row, stored in pairs if row and stored)
