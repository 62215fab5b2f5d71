from __future__ import annotations

import time

from serve_app.ids import hash_token, is_id, made_at, new_id, new_token


def test_new_id_is_hex_and_unique() -> None:
    ids = {new_id() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(is_id(each) for each in ids)


def test_new_id_sorts_by_age() -> None:
    older = new_id()
    time.sleep(0.002)
    assert older < new_id()


def test_id_tells_when_it_was_made() -> None:
    before = time.time()
    assert before - 0.001 <= made_at(new_id()) <= time.time()


def test_is_id_refuses_other_forms() -> None:
    good = new_id()
    for bad in ("", good[:-1], good + "0", good.upper() + "A", good[:-1] + "\n", "\x00" * 32):
        assert not is_id(bad)


def test_new_token_has_its_prefix_and_is_unique() -> None:
    one, other = new_token("bk"), new_token("bk")
    assert one.startswith("bk_")
    assert len(one) >= 43
    assert one != other


def test_hash_token_is_sha_256() -> None:
    assert hash_token("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
