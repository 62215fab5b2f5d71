"""Speech through OpenAI's client: `OPENAI_BASE_URL` (…/v1) and `OPENAI_API_KEY` say where."""

import sys

from openai import OpenAI

with OpenAI() as client:
    speech = client.audio.speech.create(
        model="tts-1", voice="alloy", input="The kettle is on, and the kitchen is warm."
    )
    speech.write_to_file(sys.argv[1])
