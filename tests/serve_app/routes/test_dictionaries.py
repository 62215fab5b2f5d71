from __future__ import annotations

from tests.serve_app.api_harness import Api, error_of

URL = "/v1/pronunciation-dictionaries"


def test_an_archived_dictionary_is_gone(sqlite_api: Api) -> None:
    client, headers = sqlite_api.client, sqlite_api.sign_up()
    rules = [{"type": "alias", "string_to_replace": "WHO", "alias": "they"}]

    def add(name: str) -> str:
        body = {"name": name, "rules": rules}
        return str(client.post(f"{URL}/add-from-rules", json=body, headers=headers).json()["id"])

    def change(dictionary: str, **changes: object) -> dict[str, object]:
        answer = client.patch(f"{URL}/{dictionary}", json=changes, headers=headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    kept, gone = add("Kept"), add("Gone")
    assert change(kept, archived=False)["archived_time_unix"] is None
    assert change(gone, archived=True)["archived_time_unix"] == int(sqlite_api.now)
    error_of(client.get(f"{URL}/{gone}", headers=headers), 404)
    listed = client.get(URL, headers=headers).json()["pronunciation_dictionaries"]
    assert [each["id"] for each in listed] == [kept]
    locators = [{"pronunciation_dictionary_id": gone}]
    body = {"text": "Hello.", "pronunciation_dictionary_locators": locators}
    answer = client.post("/v1/text-to-speech/af_heart", json=body, headers=headers)
    assert error_of(answer, 404)["code"] == "pronunciation_dictionary_not_found"
