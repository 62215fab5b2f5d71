"""Names of voices that clients of other services send by default, and the shipped voices that speak
for them. `Settings.voice_aliases` adds to the table or overrides it."""

from __future__ import annotations

OPENAI = {
    "alloy": "af_heart",
    "ash": "am_michael",
    "ballad": "bm_fable",
    "cedar": "am_onyx",
    "coral": "af_bella",
    "echo": "am_puck",
    "fable": "bm_fable",
    "marin": "af_sarah",
    "nova": "af_sarah",
    "onyx": "am_onyx",
    "sage": "bf_emma",
    "shimmer": "af_nicole",
    "verse": "am_fenrir",
}
"""The voices of OpenAI's speech interface."""

ELEVENLABS = {
    "21m00Tcm4TlvDq8ikWAM": "af_heart",  # Rachel
    "EXAVITQu4vr4xnSDxMaL": "af_sarah",  # Sarah
    "FGY2WhTYpPnrIDTdsKH5": "af_bella",  # Laura
    "XrExE9yKIg1WjnnlVkGX": "af_bella",  # Matilda
    "cgSgspJ2msm6clMCkdW9": "af_heart",  # Jessica
    "SAz9YHcvj6GT2YYXdXww": "af_nicole",  # River
    "AZnzlk1XvdvUeBnXmlld": "af_sarah",  # Domi
    "MF3mGyEYCl7XYWbV9V6O": "af_nicole",  # Elli
    "Xb7hH8MSUJpSbSDYk0k2": "bf_emma",  # Alice
    "XB0fDUnXU5powFXDhCwa": "bf_isabella",  # Charlotte
    "pFZP5JQG7iQjIQuC4Bku": "bf_isabella",  # Lily
    "JBFqnCBsd6RMkjVDRZzb": "bm_george",  # George
    "onwK4e9ZLuTAKqWW03F9": "bm_george",  # Daniel
    "IKne3meq5aSn9XLyUdCD": "bm_fable",  # Charlie
    "pNInz6obpgDQGcFmaJgB": "am_michael",  # Adam
    "ErXwobaYiN019PkySvjV": "am_michael",  # Antoni
    "TxGEqnHWrfWFTfGW9XjX": "am_puck",  # Josh
    "VR6AewLTigWG4xSOukaG": "am_onyx",  # Arnold
    "yoZ06aMxZJJ28mfd3POQ": "am_fenrir",  # Sam
    "CwhRBWXzGAHq8TQ4Fs17": "am_michael",  # Roger
    "N2lVS1w4EtoT3dr4eOWO": "am_fenrir",  # Callum
    "TX3LPaxmHKxFdv7VOQHJ": "am_puck",  # Liam
    "bIHbv24MWmeRgasZH58o": "am_puck",  # Will
    "cjVigY5qzO86Huf0OWal": "am_michael",  # Eric
    "iP95p4xoKVk53GoZ742B": "am_puck",  # Chris
    "nPczCjzI2devNBz1zQrb": "am_onyx",  # Brian
    "pqHfZKP75CvOlQylNhV4": "am_onyx",  # Bill
}
"""The premade voices of ElevenLabs, by id."""

ALIASES = {**OPENAI, **ELEVENLABS}
