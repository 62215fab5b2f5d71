"""Which kinds are played from recordings, and how."""

from __future__ import annotations

from pipelines.models.foley.recorded.playing import Render, calls, on_and_on, strokes, tune
from pipelines.models.foley.synthesis.sound import DISTANCE, PITCH, SPACE, SPEED, Sound

PLAYED: dict[str, Render] = {
    "dog": calls("dog", 0.15, 0.9),
    "cat": calls("cat", 0.3, 1.2),
    "crow": calls("crow", 0.1, 0.7),
    "coins": calls("coins", 0.2, 0.8),
    "kick": strokes("kick", 1.0, 3.6),
    "snare": strokes("snare", 1.0, 4.0),
    "hi_hat": strokes("hi_hat", 2.5, 9.0),
    "cymbal": strokes("cymbal", 0.25, 0.6),
    "tom": strokes("tom", 1.5, 6.0),
    "whoosh": strokes("whoosh", 0.8, 1.4),
    "drum_roll": on_and_on("drum_roll"),
    "frogs": on_and_on("frogs"),
    "guitar": tune("guitar", 100, 300, 1.3, 5.0, rings=True),
    "flute": tune("flute", 380, 900, 0.9, 4.0),
    "organ": tune("organ", 90, 260, 0.4, 1.4, chord=(1, 1.26, 1.5)),
    "marimba": tune("marimba", 200, 640, 1.6, 6.0, rings=True),
}
"""How kinds are played that there is also a rule for."""

WITHOUT_EVENTS = frozenset({"frogs", "drum_roll"})
"""Of these, the ones whose recordings have no single events."""

SOUNDS = (
    Sound(
        "cow",
        ("cow mooing", "cow", "moo of a cow", "mooing cattle", "lowing cow"),
        (PITCH, DISTANCE),
        calls("cow", 0.4, 1.5),
    ),
    Sound(
        "horse",
        ("horse neighing", "horse whinnying", "neighing horse", "whinny", "horse"),
        (PITCH, DISTANCE),
        calls("horse", 0.5, 1.8),
    ),
    Sound(
        "sheep",
        ("sheep bleating", "bleating sheep", "sheep", "lamb bleating", "goat bleating"),
        (PITCH, DISTANCE),
        calls("sheep", 0.3, 1.2),
    ),
    Sound(
        "pig",
        ("pig grunting", "grunting pig", "pig oinking", "oink", "hog snorting"),
        (SPEED, PITCH, DISTANCE),
        calls("pig", 0.1, 0.5),
    ),
    Sound(
        "rooster",
        ("rooster crowing", "cock crowing", "rooster", "cock-a-doodle-doo", "crowing cockerel"),
        (PITCH, DISTANCE),
        calls("rooster", 0.6, 2.0),
    ),
    Sound(
        "duck",
        ("duck quacking", "quacking ducks", "duck", "quack", "mallard quacking"),
        (SPEED, PITCH, DISTANCE),
        calls("duck", 0.05, 0.5),
    ),
    Sound(
        "door",
        (
            "door slamming",
            "door closing",
            "door shutting",
            "slammed door",
            "closing a door",
            "car door",
        ),
        (DISTANCE, SPACE),
        calls("door", 0.8, 2.0),
    ),
    Sound(
        "cash_register",
        ("cash register", "till ringing", "cash drawer opening", "ka-ching of a cash register"),
        (PITCH,),
        calls("cash_register", 0.8, 2.0),
    ),
    Sound(
        "burp",
        ("burp", "person burping", "belch", "belching"),
        (PITCH,),
        calls("burp", 0.8, 2.0),
    ),
    Sound(
        "finger_snap",
        ("finger snap", "snapping fingers", "fingers clicking", "finger snaps"),
        (SPEED, SPACE),
        strokes("finger_snap", 0.8, 3.0),
    ),
    Sound(
        "referee_whistle",
        ("referee whistle", "referee blowing a whistle", "police whistle", "sports whistle"),
        (PITCH, DISTANCE, SPACE),
        calls("referee_whistle", 0.3, 1.2),
    ),
    Sound(
        "vinyl",
        ("vinyl record crackle", "crackling vinyl", "old record surface noise", "gramophone hiss"),
        (),
        on_and_on("vinyl"),
    ),
    Sound(
        "record_scratch",
        ("record scratch", "DJ scratching a record", "turntable scratching", "vinyl scratch"),
        (PITCH,),
        calls("record_scratch", 0.3, 1.0),
    ),
    Sound(
        "cowbell",
        ("cowbell", "cowbell being hit", "cow bell percussion"),
        (SPEED, PITCH),
        strokes("cowbell", 1.2, 5.0),
    ),
    Sound(
        "bongos",
        ("bongos", "bongo drums", "conga drums", "conga rhythm"),
        (SPEED, PITCH),
        strokes("bongos", 2.0, 7.0),
    ),
    Sound(
        "castanets",
        ("castanets", "castanets clicking", "flamenco castanets"),
        (SPEED,),
        strokes("castanets", 2.5, 9.0),
    ),
    Sound(
        "tambourine",
        ("tambourine", "tambourine being shaken", "tambourine hits"),
        (SPEED,),
        strokes("tambourine", 1.5, 6.0),
    ),
    Sound(
        "triangle",
        ("ringing percussion triangle", "struck triangle ringing in an orchestra"),
        (SPEED, PITCH),
        strokes("triangle", 0.5, 2.0),
    ),
    Sound(
        "maracas",
        ("maracas", "maracas being shaken", "shaker percussion", "egg shaker"),
        (SPEED,),
        strokes("maracas", 2.5, 8.0),
    ),
    Sound(
        "woodblock",
        ("wood block", "woodblock percussion", "wood block being hit", "temple block"),
        (SPEED, PITCH),
        strokes("woodblock", 1.5, 6.0),
    ),
    Sound(
        "timpani",
        ("timpani", "kettle drums", "timpani roll of an orchestra", "orchestral timpani"),
        (SPEED, PITCH, SPACE),
        tune("timpani", 62, 90, 0.6, 3.0, rings=True),
    ),
    Sound(
        "piano",
        ("piano", "piano melody", "piano playing", "grand piano", "notes on a piano"),
        (SPEED, PITCH, SPACE),
        tune("piano", 130, 360, 1.0, 5.0, rings=True),
    ),
    Sound(
        "violin",
        ("violin", "violin playing", "fiddle", "violin melody"),
        (SPEED, PITCH, SPACE),
        tune("violin", 200, 440, 0.8, 3.5),
    ),
    Sound(
        "cello",
        ("cello", "cello playing", "cello melody", "bowed cello"),
        (SPEED, PITCH, SPACE),
        tune("cello", 80, 170, 0.7, 3.0),
    ),
    Sound(
        "strings",
        ("string orchestra", "orchestral strings", "string section", "string ensemble"),
        (SPEED, PITCH, SPACE),
        tune("strings", 120, 260, 0.4, 1.5, chord=(1, 1.2, 1.5)),
    ),
    Sound(
        "trumpet",
        ("trumpet", "trumpet playing", "trumpet fanfare", "bugle call", "brass fanfare"),
        (SPEED, PITCH, SPACE),
        tune("trumpet", 260, 560, 1.0, 4.0),
    ),
    Sound(
        "saxophone",
        ("saxophone", "sax solo", "saxophone playing", "tenor saxophone"),
        (SPEED, PITCH, SPACE),
        tune("saxophone", 120, 300, 1.0, 4.0),
    ),
    Sound(
        "harp",
        ("harp", "harp being plucked", "harp strings", "harp arpeggio"),
        (SPEED, PITCH, SPACE),
        tune("harp", 150, 300, 1.5, 6.0, rings=True),
    ),
    Sound(
        "accordion",
        ("accordion", "accordion playing", "squeezebox", "accordion music"),
        (SPEED, PITCH),
        tune("accordion", 250, 420, 0.8, 3.5),
    ),
    Sound(
        "banjo",
        ("banjo", "banjo picking", "banjo playing", "bluegrass banjo"),
        (SPEED, PITCH),
        tune("banjo", 130, 380, 2.0, 7.0, rings=True),
    ),
    Sound(
        "bagpipe",
        ("bagpipes", "bagpipe", "Scottish bagpipes", "bagpiper playing"),
        (SPEED, PITCH, DISTANCE),
        tune("bagpipe", 350, 520, 1.0, 4.0),
    ),
    Sound(
        "choir",
        ("choir", "choir singing", "choir aahs", "voices of a choir", "heavenly choir"),
        (SPEED, PITCH, SPACE),
        tune("choir", 130, 280, 0.4, 1.5, chord=(1, 1.2, 1.5)),
    ),
)
"""Kinds that there is no rule for."""
