"""The errors of any object store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions

_BUSY = {"SlowDown", "RequestTimeout", "ServiceUnavailable", "InternalError"}


class StoreError(Exception):
    """The object store refused a request."""


class StoreUnavailable(StoreError):
    """The object store cannot be reached or is busy: the same request may succeed later."""


class ObjectMissing(StoreError):
    """There is no object with that key, or no bucket with that name."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Translates the errors of boto3 into the three above. `what` names the missing thing."""
    try:
        yield
    except exceptions.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in {"404", "NoSuchKey", "NotFound", "NoSuchBucket"}:
            raise ObjectMissing(f"The object store has no {what}.") from error
        if status >= 500 or status == 429 or code in _BUSY:
            raise StoreUnavailable(f"The object store is busy ({code}).") from error
        raise StoreError(f"The object store refused {error.operation_name}: {code}.") from error
    except (
        exceptions.ConnectionError,
        exceptions.HTTPClientError,
        exceptions.IncompleteReadError,
    ) as error:
        raise StoreUnavailable(f"The object store cannot be reached: {error}") from error
    except exceptions.BotoCoreError as error:
        raise StoreError(f"The object store cannot be used: {error}") from error
