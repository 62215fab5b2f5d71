from __future__ import annotations

import pytest

from serve_app.errors import ApiError
from serve_app.media.batches.places import ObjectPlace, object_place, output_place
from serve_app.settings import Settings

SETTINGS = Settings(bulk_buckets=("archive",))


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("s3://bernie/out/june", "out/june/"),
        ("s3://bernie/out/june/", "out/june/"),
        ("s3://archive/voices/x", "voices/x/"),
        ("s3://bernie/batches/own/", "batches/own/"),
    ],
)
def test_output_is_a_folder(url: str, key: str) -> None:
    place = output_place(url, SETTINGS)
    assert (place.bucket, place.key) == (url.split("/")[2], key)
    assert output_place(str(place), SETTINGS) == place


@pytest.mark.parametrize(
    "url",
    [
        "s3://bernie/",
        "s3://bernie//",
        "s3://bernie/out/../voices/",
        "s3://bernie/../other/",
        "s3://bernie/./voices/",
        "s3://bernie/out//june/",
        "s3://bernie/a\0b/",
        "s3://bernie/voices/",
        "s3://bernie/styletts2-output/june",
        "s3://bernie/seed-vc-audio-uploads",
        "s3://elsewhere/out/",
        "http://bernie/out/",
        "out/june/",
        "",
    ],
)
def test_output_stays_in_a_folder_of_its_own(url: str) -> None:
    with pytest.raises(ApiError) as refused:
        output_place(url, SETTINGS)
    assert (refused.value.status, refused.value.field) == (422, "output")


def test_manifest_may_be_any_object_of_an_allowed_bucket() -> None:
    found = object_place("manifest", "s3://archive/in/lines.jsonl", SETTINGS)
    assert found == ObjectPlace("archive", "in/lines.jsonl")
