"""`python -m serve_app.bulk run`: the entrypoint of a Ray job, which feeds one batch to its end.

Exit codes: 0 done, 3 done with failed lines, 4 refused, 130 stopped. The same command goes on.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys

from serve_app.accounts import users
from serve_app.bulk.run import DONE, REFUSED, STOPPED, Run, Stopped, say
from serve_app.catalog import resolve
from serve_app.db.availability import UNAVAILABLE
from serve_app.db.engine import Database
from serve_app.db.models import Batch
from serve_app.errors import ApiError
from serve_app.media.batches import cancelling, records
from serve_app.settings import Settings
from serve_app.storage.store_errors import StoreError


def _arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m serve_app.bulk")
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="feed a batch to its end, or go on with it")
    run.add_argument("--manifest", required=True, help="a file or s3://bucket/key")
    run.add_argument("--output", help="s3://bucket/folder/; left out, the bucket of the service")
    run.add_argument("--user", required=True, help="e-mail address of the account that pays")
    run.add_argument("--batch-id", help="a name for the batch; left out, a hash of what it is")
    run.add_argument("--service", help="of lines that name none: speech, conversion, sound_effects")
    run.add_argument("--default", action="append", default=[], metavar="FIELD=VALUE")
    run.add_argument("--format", choices=("jsonl", "csv"))
    run.add_argument("--check", action="store_true", help="validate only")
    run.add_argument("--skip-invalid", action="store_true", help="run the lines that are valid")
    run.add_argument("--partial", action="store_true", help="make as many as the credits pay for")
    run.add_argument("--expires", metavar="TIME", help="cancel what is left after 90m, 12h or 7d")
    run.add_argument("--retry-failed", action="store_true", help="try failed lines once more")
    run.add_argument("--on-stop", choices=("leave", "cancel"), default="leave")
    run.set_defaults(action=_run)
    cancel = commands.add_parser("cancel", help="cancel what has not started of a batch")
    cancel.add_argument("batch", help="the id that `run` has printed, or the name of --batch-id")
    cancel.add_argument("--user", required=True, help="e-mail address of its account")
    cancel.set_defaults(action=_cancel)
    return parser.parse_args(given)


def _run(asked: argparse.Namespace) -> int:
    run = Run(asked, resolve(Settings()))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, run.stop)
    return run.run()


def _cancel(asked: argparse.Namespace) -> int:
    """Cancels a batch. Its feeder, or the next one, writes the results of what was done."""
    database = Database(Settings().database(), 1)
    with database.reading() as session:
        user = users.by_email(session, asked.user)
        named = records.id_of(user.id, asked.batch)
        batch_id = named if session.get(Batch, named) is not None else asked.batch
    with database.transaction() as session:
        batch = cancelling.cancel(session, user.id, batch_id)
        ended = batch.finished_at is not None
    cancelled = 1
    while cancelled and not ended:
        with database.transaction() as session:
            now = database.now(session)
            cancelled = cancelling.cancel_unstarted(session, batch_id, now)
    how = "had ended before" if ended else "is cancelled; the lines under way run to their end"
    say(f"batch {batch_id} {how}")
    return DONE


def main(given: list[str] | None = None) -> int:
    """The exit code."""
    asked = _arguments(sys.argv[1:] if given is None else given)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        return int(asked.action(asked))
    except Stopped:
        return STOPPED
    except ApiError as error:
        say(f"refused: {error.code}: {error.message}")
        return REFUSED
    except StoreError as error:
        say(f"failed: {error}")
        return 1
    except UNAVAILABLE as error:
        say(f"failed: the database cannot be used ({type(error).__name__})")
        return 1


if __name__ == "__main__":
    sys.exit(main())
