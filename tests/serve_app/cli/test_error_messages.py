"""What commands say instead of a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serve_app.cli.running import PASSWORD, SECRET, run, up

pytestmark = pytest.mark.usefixtures("data_dir")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("users", "create", "bobexample", "--password", PASSWORD), "email must look like"),
        (("users", "create", "bob@example.com", "--password", "x"), "password must have 8"),
        (("fetch", "no-such-model"), "no-such-model"),
        (("say", "Hello.", "--key", "bk_x", "--url", "http://127.0.0.1:9"), "is `bernie up` run"),
        (("say", "Hello.", "--key", "bk_x", "--url", "http://a:port"), "Invalid port"),
        (("say", "Hello.", "--key", "bk_é"), "API key cannot be used"),
    ],
)
def test_explain_gives_one_line_and_exit_code_1(arguments: tuple[str, ...], reason: str) -> None:
    code, output = run(*arguments)
    assert code == 1
    assert reason in output


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"PORT": "abc"}, "BERNIE_PORT: Input should be a valid integer"),
        ({"DTYPE": "fp16"}, "BERNIE_DTYPE: Input should be 'auto', 'float32' or 'bfloat16'"),
        ({"SPEECH__VOCODER__THREADS": "-1"}, "BERNIE_SPEECH__VOCODER__THREADS: "),
        ({"SPEECH__PIPELINE": "seed-vc"}, "BERNIE_SPEECH__PIPELINE"),
        ({"SPEECH": "fast"}, '"speech"'),
        ({"SPEECH__PIPELINE": "off"}, "Run `bernie fetch"),
        ({"CHECKPOINTS": "/nowhere"}, "BERNIE_CHECKPOINTS: /nowhere has no manifest.toml"),
        ({"DATA_DIR": __file__}, "BERNIE_DATA_DIR"),
        ({"HOST": "10.9.9.9"}, "BERNIE_HOST: 10.9.9.9 is no address of this machine"),
        ({"DATABASE_URL": "foo"}, "BERNIE_DATABASE_URL must look like"),
        ({"DATABASE_URL": f"mysql://u:{SECRET}@h/x"}, "BERNIE_DATABASE_URL must look like"),
        ({"DATABASE_URL": f"postgresql://u:{SECRET}@h:p/x"}, "BERNIE_DATABASE_URL must look"),
        ({"DATABASE_URL": f"postgresql://u:p@{SECRET}@h/x"}, "write @ as %40"),
        ({"DATABASE_URL": f"postgresql://u:{SECRET}@127.0.0.1:9/x"}, "Connection refused"),
        ({"S3_ENDPOINT": "s3.internal"}, "BERNIE_S3_ENDPOINT must be a URL"),
    ],
)
def test_explain_names_the_invalid_setting(
    variables: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BERNIE_SPEECH__PIPELINE", "noop")
    monkeypatch.setenv("BERNIE_SOUND_EFFECTS__PIPELINE", "off")
    monkeypatch.setenv("BERNIE_CONVERSION__PIPELINE", "off")
    for name, value in variables.items():
        monkeypatch.setenv(f"BERNIE_{name}", value)
    if variables.get("SPEECH__PIPELINE") == "off":
        nothing = tmp_path / "checkpoints"
        nothing.mkdir()
        manifest = Path(__file__).parents[3] / "checkpoints/manifest.toml"
        (nothing / "manifest.toml").write_bytes(manifest.read_bytes())
        monkeypatch.setenv("BERNIE_CHECKPOINTS", str(nothing))
    code, output = up()
    assert code == 1
    assert reason in output
    assert output.count("\n") <= 2
    assert SECRET not in output


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "--port", "99999"),
        ("users", "credit", "ada@example.com", "99999999999999999999"),
        ("say", "Hello.", "--key", "bk_x", "-o", "hello.aiff"),
        ("say", "Hello.", "--key", "bk_x", "-o", "nowhere/hello.wav"),
        ("demo", "-o", "nowhere/hello.wav"),
    ],
)
def test_commands_refuse_invalid_arguments(arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[0] == 2
