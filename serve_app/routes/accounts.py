"""Accounts: sign-up, sign-in, sign-out, the balance and the ledger."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as FromQuery
from sqlalchemy.orm import Session

from serve_app.accounts import credentials, credits, users
from serve_app.accounts.credentials import STUDIO, Client
from serve_app.accounts.sign_in_limits import SignInLimits
from serve_app.db.models import User
from serve_app.errors import ApiError
from serve_app.http.access import CurrentSession, CurrentUser, StateDep
from serve_app.http.app_state import AppState
from serve_app.http.openapi import WITH_BODY, errors
from serve_app.http.schemas.accounts import (
    AccountOut,
    LedgerEntryOut,
    RedeemLink,
    SignedIn,
    SignIn,
    SignUp,
)
from serve_app.http.schemas.common import PageOut, PageQuery, moment
from serve_app.http.work import address_of, is_of_this_machine, passwords, reads, writes

router = APIRouter(prefix="/api", tags=["accounts"])


@router.post(
    "/sign-up",
    status_code=201,
    summary="Make an account and sign in",
    responses=errors(403, 409, 429, *WITH_BODY),
)
@passwords
def sign_up(body: SignUp, request: Request, state: StateDep) -> SignedIn:
    """The new account starts with the credits that the server gives at sign-up."""
    if not state.settings.open_sign_up:
        message = "Nobody can sign up here. Ask whoever runs this server for an account."
        raise ApiError(403, "sign_up_closed", message)
    now = _now(state)
    users.count_sign_up(state.database, address_of(request), _limits(state), now)
    user = users.new_user(body.email, body.password, now)
    with state.database.transaction() as session:
        users.sign_up(session, user, state.settings.sign_up_credits, now)
        return _signed_in(state, session, user, now, body.client)


@router.post("/sign-in", summary="Sign in", responses=errors(401, 429, *WITH_BODY))
@passwords
def sign_in(body: SignIn, request: Request, state: StateDep) -> SignedIn:
    """An unknown e-mail address and a wrong password get the same answer. Attempts are limited."""
    limits, address, now = _limits(state), address_of(request), _now(state)
    user = users.sign_in(state.database, body.email, body.password, address, limits, now)
    with state.database.transaction() as session:
        return _signed_in(state, session, user, now, body.client)


@router.post("/sign-in/link", summary="Sign in by a link", responses=errors(401, 403, *WITH_BODY))
@writes
def sign_in_by_link(body: RedeemLink, request: Request, state: StateDep) -> SignedIn:
    """Takes the token of a link that `bernie up` or `bernie studio` printed, from the same machine
    only. The session is one of the studio."""
    if not is_of_this_machine(request):
        message = "Sign-in links work on the machine of the server only."
        raise ApiError(403, "not_loopback", message)
    with state.database.transaction() as session:
        now = state.clock(session)
        user = credentials.redeem_link(session, body.link, now)
        return _signed_in(state, session, user, now, "studio")


@router.post(
    "/sign-out",
    status_code=204,
    response_class=Response,
    summary="End this session",
    responses=errors(401, 403),
)
@writes
def sign_out(caller: CurrentSession, state: StateDep) -> None:
    """The session's token is not valid any more. An API key is not a session and is refused."""
    with state.database.transaction() as session:
        now = state.clock(session)
        credentials.end_session(session, caller.user_id, caller.id, now)


@router.get("/me", summary="The account and its credits", responses=errors(401, 403))
@reads
def me(user: CurrentUser, state: StateDep) -> AccountOut:
    with state.database.reading() as session:
        return _account(session, user)


@router.get("/credits", summary="Every change of the balance", responses=errors(401, 403, 422))
@reads
def ledger(
    user: CurrentUser, state: StateDep, query: Annotated[PageQuery, FromQuery()]
) -> PageOut[LedgerEntryOut]:
    """Newest first. The amounts add up to the balance."""
    with state.database.reading() as session:
        page = credits.ledger(session, user.id, query.limit, query.cursor)
    entries = [LedgerEntryOut.of(entry) for entry in page.items]
    return PageOut(items=entries, next_cursor=page.next_cursor)


def _limits(state: AppState) -> SignInLimits:
    settings = state.settings
    return SignInLimits(settings.sign_in_attempts, settings.sign_in_window_seconds)


def _now(state: AppState) -> float:
    """The time, from a transaction of its own: none may be open while a password is hashed."""
    with state.database.reading() as session:
        return state.clock(session)


def _account(session: Session, user: User) -> AccountOut:
    balance = credits.balance(session, user.id)
    return AccountOut.of(user, balance, credits.held(session, user.id))


def _signed_in(
    state: AppState, session: Session, user: User, now: float, client: Client
) -> SignedIn:
    seconds: float = state.settings.session_seconds
    if client == STUDIO:
        seconds = min(seconds, credentials.STUDIO_SECONDS)
    token = credentials.open_session(session, user, seconds, now, client)
    return SignedIn(token=token, expires_at=moment(now + seconds), account=_account(session, user))
