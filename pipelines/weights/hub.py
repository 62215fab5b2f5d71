"""Downloads from a model hub into the cache of huggingface_hub.

That library takes up a broken download only while its process lives. Here what has arrived is kept
beside the blob it will become, so that the next process goes on where the last one stopped; the
library then finds the whole blob and does the rest.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from huggingface_hub import (
    constants,
    get_hf_file_metadata,
    get_session,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    build_hf_headers,
    hf_raise_for_status,
)

from pipelines.weights.manifest import FetchFailed

ATTEMPTS = 4
"""How often in a row a download may bring nothing before it is given up."""
PAUSE_SECONDS = 1.0
PARTIAL = ".partial"


@dataclass(frozen=True, slots=True)
class Remote:
    """A file on the hub: `size` in bytes, `blob` its place in the cache."""

    repository: str
    path: str
    size: int
    blob: Path


def cached(repository: str, path: str, cache: Path) -> Path | None:
    """The file, if it was downloaded before."""
    found = try_to_load_from_cache(repository, path, cache_dir=cache)
    return Path(found) if isinstance(found, str) else None


def find(repository: str, path: str, cache: Path) -> Remote:
    """Asks the hub for a file. Raises FetchFailed, in one sentence."""
    with _explained(repository, path):
        facts = get_hf_file_metadata(_url(repository, path), headers=build_hf_headers())
    if facts.etag is None or facts.size is None or "/" in facts.etag:
        raise FetchFailed(f"{_endpoint()} does not answer as a model hub does.")
    repository_folder = repo_folder_name(repo_id=repository, repo_type="model")
    return Remote(repository, path, facts.size, cache / repository_folder / "blobs" / facts.etag)


def download(remote: Remote, cache: Path, report: Callable[[int], None]) -> Path:
    """The file in the cache; `report` hears how many of its bytes are there. Raises FetchFailed."""
    repository, path = remote.repository, remote.path
    with _explained(repository, path):
        if not remote.blob.exists():
            _fill(remote, report)
        return Path(hf_hub_download(repository, path, cache_dir=cache, endpoint=_endpoint()))


def forget(path: Path) -> None:
    """Removes a file of the cache that turned out to be wrong."""
    blob = path.resolve()
    path.unlink(missing_ok=True)
    blob.unlink(missing_ok=True)


def _endpoint() -> str:
    """Asked each time: the library reads its environment only once."""
    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def _url(repository: str, path: str) -> str:
    return hf_hub_url(repository, path, endpoint=_endpoint())


def _fill(remote: Remote, report: Callable[[int], None]) -> None:
    """Download what is missing of a blob, through broken connections."""
    remote.blob.parent.mkdir(parents=True, exist_ok=True)
    partial = remote.blob.with_name(remote.blob.name + PARTIAL)
    fruitless = 0
    while (before := _size(partial)) < remote.size:
        try:
            _continue(remote, partial, report)
        except httpx2.TransportError:
            fruitless = fruitless + 1 if _size(partial) <= before else 0
            if fruitless == ATTEMPTS:
                raise
            time.sleep(PAUSE_SECONDS)
    partial.replace(remote.blob)


def _continue(remote: Remote, partial: Path, report: Callable[[int], None]) -> None:
    """Append the rest of the file, or begin again where the server cannot give a part."""
    # A compressed answer would have other positions than the file.
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if begun := _size(partial):
        headers["Range"] = f"bytes={begun}-"
    url = _url(remote.repository, remote.path)
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with get_session().stream(
        "GET", url, headers=headers, timeout=timeout, follow_redirects=True
    ) as response:
        hf_raise_for_status(response)
        with partial.open(
            "ab" if response.status_code == httpx2.codes.PARTIAL_CONTENT else "wb"
        ) as file:
            for block in response.iter_bytes():
                file.write(block)
                report(file.tell())


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@contextmanager
def _explained(repository: str, path: str) -> Iterator[None]:
    """Turns what the library raises into FetchFailed with one sentence."""
    what, hub = f"{path} of {repository}", _endpoint()
    try:
        yield
    except GatedRepoError as error:
        raise FetchFailed(
            f"{what} is given only to those who accepted its terms: do so on {hub}/{repository} "
            "and set HF_TOKEN to a token of that account."
        ) from error
    except RemoteEntryNotFoundError as error:
        raise FetchFailed(f"{hub} has no {what}.") from error
    except RepositoryNotFoundError as error:
        raise FetchFailed(
            f"{hub} has no repository {repository}, or shows it only to some: if you have access, "
            "set HF_TOKEN."
        ) from error
    except (httpx2.TransportError, OfflineModeIsEnabled) as error:
        raise FetchFailed(
            f"{what} could not be downloaded because {hub} cannot be reached; run this again when "
            "it can, or download the files elsewhere and name their folder with --from."
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise FetchFailed(f"{what} could not be downloaded: {hub} answers {status}.") from error
