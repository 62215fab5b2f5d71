from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from serve_app.accounts import credits, users
from serve_app.accounts.sign_in_limits import SignInLimits
from serve_app.db.engine import Database
from serve_app.db.models import AuthAttempt, User
from serve_app.errors import ApiError
from serve_app.maintenance import retention
from tests.serve_app.actions import NOW, concurrently

LIMITS = SignInLimits(attempts=3, window_seconds=300)
PASSWORD = "correct horse"


def sign_up(database: Database, email: str = "Ada@Example.com", amount: int = 10_000) -> User:
    user = users.new_user(email, PASSWORD, NOW)
    with database.transaction() as session:
        users.sign_up(session, user, amount, NOW)
    return user


def sign_in(
    database: Database,
    email: str = "ada@example.com",
    password: str = PASSWORD,
    address: str = "192.0.2.1",
    now: float = NOW,
    limits: SignInLimits = LIMITS,
) -> User:
    return users.sign_in(database, email, password, address, limits, now)


def status_of(act: Callable[[], object]) -> tuple[int, str]:
    try:
        act()
    except ApiError as error:
        return error.status, error.code
    return 200, ""


WRONG = (401, "wrong_credentials")
TOO_MANY = (429, "too_many_attempts")


def test_sign_up_gives_credits_and_one_ledger_entry(database: Database) -> None:
    user = sign_up(database)
    assert user.balance == 10_000
    with database.transaction() as session:
        (entry,) = credits.ledger(session, user.id, 10).items
    assert (entry.amount, entry.balance, entry.reason) == (10_000, 10_000, "sign_up")


@pytest.mark.usefixtures("slow_passwords")
def test_password_is_stored_as_an_argon2_hash(database: Database) -> None:
    user = sign_up(database)
    assert user.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in user.password_hash


def test_sign_up_refuses_a_taken_email_in_any_case(database: Database) -> None:
    sign_up(database)
    assert status_of(lambda: sign_up(database, " ADA@example.COM")) == (409, "email_taken")
    with database.transaction() as session:
        assert len(users.list_users(session)) == 1


@pytest.mark.parametrize(
    ("email", "password", "field"),
    [("bobexample", PASSWORD, "email"), ("bob@example.com", "x", "password")],
)
def test_new_user_refuses_unusable_email_and_password(
    email: str, password: str, field: str
) -> None:
    with pytest.raises(ApiError) as error:
        users.new_user(email, password, NOW)
    assert (error.value.status, error.value.field) == (422, field)


def test_concurrent_sign_ups_with_one_email_accept_one(database: Database) -> None:
    results = concurrently(6, lambda _: status_of(lambda: sign_up(database)))
    assert sorted(results) == [(200, "")] + [(409, "email_taken")] * 5


def test_by_email_finds_users(database: Database) -> None:
    user = sign_up(database)
    with database.transaction() as session:
        assert users.by_email(session, "ADA@example.com").id == user.id
        with pytest.raises(ApiError) as error:
            users.by_email(session, "bob@example.com")
    assert error.value.code == "user_not_found"


def test_sign_in(database: Database) -> None:
    user = sign_up(database)
    assert sign_in(database, "ADA@example.com").id == user.id
    assert status_of(lambda: sign_in(database, password="wrong")) == WRONG
    assert status_of(lambda: sign_in(database, "bob@example.com")) == WRONG


def test_sign_in_takes_the_same_time_for_an_unknown_email(database: Database) -> None:
    sign_up(database)

    unlimited = SignInLimits(attempts=100, window_seconds=300)

    def shortest(email: str) -> float:
        """Seconds of processor time, which other load on the machine does not lengthen."""
        seconds = []
        for _ in range(5):
            begin = time.process_time()
            assert status_of(lambda: sign_in(database, email, "wrong", limits=unlimited)) == WRONG
            seconds.append(time.process_time() - begin)
        return min(seconds)

    known, unknown = shortest("ada@example.com"), shortest("bob@example.com")
    assert 1 / 3 < known / unknown < 3


def test_sign_in_limits_failures_of_an_account(database: Database) -> None:
    sign_up(database)
    for number in range(3):
        address = f"192.0.2.{number}"
        assert status_of(lambda a=address: sign_in(database, password="x", address=a)) == WRONG
    with pytest.raises(ApiError) as error:
        sign_in(database, address="192.0.2.9", now=NOW + 100)
    assert (error.value.status, error.value.code) == TOO_MANY
    assert error.value.retry_after == 200
    assert sign_in(database, address="192.0.2.9", now=NOW + 300)


def test_sign_in_limits_failures_of_an_address(database: Database) -> None:
    sign_up(database)
    once = SignInLimits(attempts=1, window_seconds=300)
    for number in range(10):
        email = f"nobody{number}@example.com"
        assert status_of(lambda e=email: sign_in(database, e, limits=once)) == WRONG
    assert status_of(lambda: sign_in(database, limits=once)) == TOO_MANY
    assert sign_in(database, address="192.0.2.2", limits=once)


def test_sign_in_limits_count_an_ipv6_network_as_one_address(sqlite_database: Database) -> None:
    once = SignInLimits(attempts=1, window_seconds=300)

    def attempt(address: str, number: int) -> tuple[int, str]:
        email = f"nobody{number}@example.com"
        return status_of(lambda: sign_in(sqlite_database, email, address=address, limits=once))

    for number in range(10):
        assert attempt(f"2001:db8::{number:x}", number) == WRONG
    assert attempt("2001:db8::ffff:1:2:3", 10) == TOO_MANY
    assert attempt("2001:db8:0:1::1", 11) == WRONG
    for number in range(12, 22):
        assert attempt("::ffff:192.0.2.1", number) == WRONG
    assert attempt("192.0.2.1", 22) == TOO_MANY


def test_sign_in_success_clears_the_failures_of_its_account_only(database: Database) -> None:
    sign_up(database)
    for _ in range(2):
        status_of(lambda: sign_in(database, password="wrong"))
    assert sign_in(database)
    for _ in range(2):
        assert status_of(lambda: sign_in(database, password="wrong")) == WRONG
    assert sign_in(database)
    with database.transaction() as session:
        assert session.scalars(select(func.count()).select_from(AuthAttempt)).one() == 4


def test_sign_in_limits_do_not_count_successes(database: Database) -> None:
    sign_up(database)
    for _ in range(5):
        assert sign_in(database)


def test_sign_in_limits_hold_for_concurrent_attempts(database: Database) -> None:
    sign_up(database)
    tries = concurrently(12, lambda _: status_of(lambda: sign_in(database, password="wrong")))
    assert tries.count(WRONG) == LIMITS.attempts
    assert tries.count(TOO_MANY) == 12 - LIMITS.attempts


def test_sign_in_limits_spare_concurrent_successes(database: Database) -> None:
    emails = [f"user{number}@example.com" for number in range(12)]
    for email in emails:
        sign_up(database, email)
    assert (
        concurrently(12, lambda number: status_of(lambda: sign_in(database, emails[number])))
        == [(200, "")] * 12
    )


def test_sign_in_attempts_under_way_refuse_others_for_a_moment(database: Database) -> None:
    sign_up(database)
    once = SignInLimits(attempts=1, window_seconds=300)

    def wait(number: int) -> int | None:
        try:
            sign_in(database, limits=once, address=f"192.0.2.{number}")
        except ApiError as error:
            return error.retry_after
        return None

    waits = concurrently(8, wait)
    assert None in waits
    assert set(waits) == {None, 1}
    assert sign_in(database, limits=once)


def test_purge_auth_attempts_removes_old_failures(database: Database) -> None:
    for number in range(4):
        email, now = f"nobody{number}@example.com", NOW + 400 * number
        status_of(lambda e=email, t=now: sign_in(database, e, now=t))
    with database.transaction() as session:
        retention.purge_auth_attempts(session, now - LIMITS.window_seconds, 100)
        assert session.scalars(select(func.count()).select_from(AuthAttempt)).one() == 2
