"""Calls of an old client of ElevenLabs, run by its own process: the address and a key are its
arguments, and a WAV file of speech. Prints one object."""

import io
import json
import sys
from importlib.metadata import version
from pathlib import Path

from elevenlabs import ElevenLabs

VOICE = "21m00Tcm4TlvDq8ikWAM"
TEXT = "The kettle is on, and the kitchen is warm."
url, key, recording = sys.argv[1:]
client = ElevenLabs(base_url=url, api_key=key)
audio = Path(recording).read_bytes()
made = client.voices.ivc.create(name="Made by an old client", files=[io.BytesIO(audio)])
found = {
    "version": version("elevenlabs"),
    "convert": len(b"".join(client.text_to_speech.convert(VOICE, text=TEXT))),
    "stream": len(b"".join(client.text_to_speech.stream(VOICE, text=TEXT))),
    "timestamps": "".join(
        client.text_to_speech.convert_with_timestamps(VOICE, text=TEXT).alignment.characters
    ),
    "conversion": len(b"".join(client.speech_to_speech.convert(VOICE, audio=io.BytesIO(audio)))),
    "conversion.stream": len(
        b"".join(client.speech_to_speech.stream(VOICE, audio=io.BytesIO(audio)))
    ),
    "sound": len(b"".join(client.text_to_sound_effects.convert(text="Rain"))),
    "voice": client.voices.get(made.voice_id).name,
    "history": len(client.history.list().history),
    "subscription": client.user.subscription.get().tier,
    "models": len(client.models.list()),
}
print(json.dumps(found))
