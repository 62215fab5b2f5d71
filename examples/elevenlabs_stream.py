"""Speech through ElevenLabs' client, written as it arrives: `BERNIE_URL` and `ELEVENLABS_API_KEY`
say where."""

import os
import sys
from pathlib import Path

from elevenlabs import ElevenLabs

client = ElevenLabs(base_url=os.environ["BERNIE_URL"])
audio = client.text_to_speech.stream(
    "21m00Tcm4TlvDq8ikWAM",
    text="The kettle is on, and the kitchen is warm.",
    output_format="mp3_44100_128",
)
with Path(sys.argv[1]).open("wb") as file:
    for chunk in audio:
        file.write(chunk)
