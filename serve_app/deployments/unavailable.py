"""What a client is told where no replica answers: by Serve's proxies, and by HAProxy."""

from __future__ import annotations

from serve_app.errors import ApiError

_RETRY_SECONDS = 2
UNAVAILABLE = ApiError(
    503,
    "unavailable",
    "The server is starting, stopping or was interrupted. Try again in a moment; a request with an "
    "Idempotency-Key has its effect once, however often it is sent.",
)
HEADERS = {
    "Retry-After": str(_RETRY_SECONDS),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
