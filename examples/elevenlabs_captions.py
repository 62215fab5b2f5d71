"""Speech with the time of each character, through ElevenLabs' client: `BERNIE_URL` and
`ELEVENLABS_API_KEY` say where. Writes the audio, and prints when each word begins."""

import base64
import os
import re
import sys
from pathlib import Path

from elevenlabs import ElevenLabs

client = ElevenLabs(base_url=os.environ["BERNIE_URL"])
made = client.text_to_speech.convert_with_timestamps(
    "21m00Tcm4TlvDq8ikWAM", text="The kettle is on, and the kitchen is warm."
)
Path(sys.argv[1]).write_bytes(base64.b64decode(made.audio_base_64))
text = "".join(made.alignment.characters)
for word in re.finditer(r"\S+", text):
    print(f"{made.alignment.character_start_times_seconds[word.start()]:6.2f}  {word[0]}")
