"""Long texts to speak: paragraphs, headings, lists, and sentences that no chunk holds."""

from __future__ import annotations

from pathlib import Path

UTTERANCES = Path(__file__).with_name("utterances.txt")

SENTENCES = (
    "The engineer who had spent most of the winter repairing the old bridge over the river told us "
    "that the stones below the water were in far better shape than anyone in the town had dared to "
    "hope when the work began",
    "Nobody who was at the meeting on Thursday could explain why the report that had been promised "
    "to the members before the end of October had still not been sent to the printers by the time "
    "the new chairman arrived",
    "It cost the city $4,250,000 to move the library from the building where it had been for a "
    "hundred and twelve years to the new one on Harbour Street that opened its doors on 14 March "
    "2023 in front of two thousand people",
    "My grandmother used to say that the best way to find out whether a person could be trusted "
    "with a secret was to give them a small one that did not matter and to wait until it came back "
    "to you from somebody else",
    "The train that leaves the coast at 6:45 in the morning stops at eleven small stations between "
    "the sea and the mountains before it reaches the capital where most of its passengers change "
    "for the line that goes to the north",
    "When the last of the visitors had gone and the lights in the long gallery were put out one "
    "after the other the guard sat down on the bench below the great window and ate the sandwich "
    "that his daughter had made for him",
    "Scientists at three universities have measured how quickly the ice on the lakes of the region "
    "melts in spring and compared what they found with the diaries of a priest who wrote down the "
    "date each year from 1871 to 1909",
    "The recipe that my neighbour brought with her from the village where she was born asks for so "
    "much butter and so little flour that I was certain there had to be a mistake in it until I "
    "tasted what came out of the oven",
)


def utterances() -> list[str]:
    lines = UTTERANCES.read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def long_texts(count: int) -> list[str]:
    """Texts of three paragraphs; every fourth has a heading, every fifth a list."""
    lines = utterances()
    texts = []
    for number in range(count):
        one, two, three, four, five = (lines[(number * 7 + k) % len(lines)] for k in range(5))
        long = SENTENCES[number % len(SENTENCES)]
        heading = f"# Part {number + 1}\n\n" if number % 4 == 0 else ""
        listed = "\n".join(f"- {line}" for line in (four, five))
        last = f"There is more to say:\n\n{listed}" if number % 5 == 0 else f"{four} {five}"
        texts.append(f"{heading}{one} {long}.\n\n{two} {three}\n\n{last}")
    return texts
