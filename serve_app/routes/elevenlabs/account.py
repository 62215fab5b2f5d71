"""The account: what is left of its credits, and where they went."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as FromQuery

from serve_app.accounts import credits
from serve_app.db.models import User
from serve_app.errors import invalid
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.app_state import AppState
from serve_app.http.work import reads
from serve_app.media import history, voices

router = APIRouter(prefix="/v1")

_DAY = 86_400
_MAX_DAYS = 366
Json = dict[str, Any]


@router.get("/user")
@reads
def get_user(user: CurrentUser, state: StateDep) -> Json:
    return {
        "user_id": user.id,
        "workspace_id": user.id,
        "subscription": _subscription(state, user),
        "is_new_user": False,
        "can_use_delayed_payment_methods": False,
        "is_onboarding_completed": True,
        "is_onboarding_checklist_completed": True,
        "created_at": int(user.created_at),
        "seat_type": "workspace_admin",
        "xi_api_key": None,
        "first_name": None,
    }


@router.get("/user/subscription")
@reads
def get_subscription(user: CurrentUser, state: StateDep) -> Json:
    return _subscription(state, user)


@router.get("/usage/character-stats")
@reads
def usage(
    user: CurrentUser,
    state: StateDep,
    start_unix: Annotated[int, FromQuery(ge=0, le=10**14)],
    end_unix: Annotated[int, FromQuery(ge=0, le=10**14)],
) -> Json:
    """Credits by day. The clients send times in milliseconds."""
    first, last = (each / 1000 if each > 10**11 else each for each in (start_unix, end_unix))
    if not 0 <= last - first <= _MAX_DAYS * _DAY:
        raise invalid("end_unix", f"end_unix must be 0 to {_MAX_DAYS} days after start_unix.")
    with state.database.reading() as session:
        charged = dict(history.charged(session, user.id, first, last))
    days = range(int(first // _DAY) * _DAY, int(last) + 1, _DAY)
    return {
        "time": [day * 1000 for day in days],
        "usage": {"All": [float(charged.get(day, 0)) for day in days]},
    }


def _subscription(state: AppState, user: User) -> Json:
    """Credits stand for characters: used are those that were charged or are held."""
    settings = state.settings
    with state.database.reading() as session:
        left = credits.balance(session, user.id)
        held = credits.held(session, user.id)
        given = credits.granted(session, user.id)
        own = len(voices.list_own(session, user.id))
    return {
        "tier": "self_hosted",
        "character_count": given - left + held,
        "character_limit": given,
        "max_character_limit_extension": 0,
        "max_credit_limit_extension": 0,
        "can_extend_character_limit": False,
        "allowed_to_extend_character_limit": False,
        "next_character_count_reset_unix": None,
        "voice_slots_used": own,
        "professional_voice_slots_used": 0,
        "professional_voice_slots_used_in_workspace": 0,
        "voice_limit": settings.max_voices,
        "max_voice_add_edits": None,
        "voice_add_edit_counter": 0,
        "professional_voice_limit": 0,
        "can_extend_voice_limit": False,
        "can_use_instant_voice_cloning": settings.max_voices > 0,
        "can_use_professional_voice_cloning": False,
        "currency": None,
        "current_overage": {"amount": "0", "currency": "usd"},
        "status": "active",
        "billing_period": None,
        "character_refresh_period": None,
        "next_invoice": None,
        "open_invoices": [],
        "has_open_invoices": False,
    }
