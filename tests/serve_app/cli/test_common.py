"""The key of the local user, and the link that signs it in."""

from __future__ import annotations

from pathlib import Path

import pytest

from serve_app.accounts import credentials
from serve_app.cli.common import LOCAL_USER, local_key, open_database, sign_in_link
from serve_app.errors import ApiError
from serve_app.settings import Settings

pytestmark = pytest.mark.usefixtures("data_dir")


def test_local_key_is_renewed_for_a_new_database(tmp_path: Path) -> None:
    settings = Settings()
    key = local_key(settings).read_text()
    assert local_key(settings).read_text() == key
    other = Settings(database_url=f"sqlite:///{tmp_path / 'other.sqlite3'}")
    renewed = local_key(other).read_text()
    assert renewed != key
    assert local_key(other).read_text() == renewed


def test_sign_in_link_names_the_server_and_a_token_that_works_once(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, port=8123)
    link = sign_in_link(settings)
    address, token = link.split("#link=")
    assert address == "http://127.0.0.1:8123/studio/"
    with open_database(settings) as database, database.transaction() as session:
        now = database.now(session)
        assert credentials.redeem_link(session, token, now).email == LOCAL_USER
        with pytest.raises(ApiError, match="used or is too old"):
            credentials.redeem_link(session, token, now)
    assert "[::1]:8123" in sign_in_link(settings.model_copy(update={"host": "::1"}))
    assert "127.0.0.1" in sign_in_link(settings.model_copy(update={"host": "0.0.0.0"}))
