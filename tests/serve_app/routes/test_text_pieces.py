from __future__ import annotations

from serve_app.routes.elevenlabs.text_pieces import TextPieces


def words(count: int) -> str:
    return "word " * count


def test_a_piece_waits_for_its_length_and_ends_with_a_word() -> None:
    pieces = TextPieces(1000, (50, 100))
    pieces.add(words(9))
    assert pieces.take() is None
    pieces.add(words(2) + "unfin")
    assert pieces.take() == words(11).strip()
    pieces.add("ished " + words(15))
    assert pieces.take() is None
    pieces.add(words(10))
    assert pieces.take() == ("unfinished " + words(25)).strip()


def test_a_piece_ends_with_a_sentence_where_most_of_it_does() -> None:
    pieces = TextPieces(1000, (50,))
    pieces.add(words(7) + "end. " + words(4))
    assert pieces.take() == words(7) + "end."
    assert pieces.take() is None


def test_what_is_flushed_does_not_wait() -> None:
    pieces = TextPieces(1000)
    pieces.add("Hello ")
    pieces.flush()
    pieces.add("there")
    assert (pieces.take(), pieces.take()) == ("Hello", None)
    pieces.flush()
    assert pieces.take() == "there"
    pieces.add("   ")
    pieces.flush()
    assert (pieces.take(), len(pieces)) == (None, 0)


def test_sentences_may_be_given_at_once() -> None:
    pieces = TextPieces(1000, by_sentence=True)
    pieces.add("One. Two! And ")
    assert pieces.take() == "One. Two!"
    assert pieces.take() is None


def test_no_piece_is_longer_than_it_may_be() -> None:
    pieces = TextPieces(40)
    pieces.add(words(20))
    pieces.flush()
    found = [pieces.take() for _ in range(4)]
    assert all(piece is not None and len(piece) <= 40 for piece in found[:3])
    assert " ".join(piece for piece in found if piece) == words(20).strip()
    pieces.add("x" * 300)
    assert pieces.take() == "x" * 40


def test_white_space_takes_no_room() -> None:
    pieces = TextPieces(40)
    pieces.add(" " * 40)
    pieces.add(" ")
    assert (pieces.take(), len(pieces)) == (None, 0)
    pieces.add("Hello" + " " * 36)
    assert (pieces.take(), pieces.take(), len(pieces)) == ("Hello", None, 0)
    pieces.add("   there")
    pieces.flush()
    assert (pieces.take(), pieces.take()) == ("there", None)
