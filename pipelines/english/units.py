"""Names of the units of measure and the symbols that are written for them."""

from __future__ import annotations

import re

from pipelines.english.number_words import either, plural

_POWERS = {
    "²": "square ",
    "2": "square ",
    "^2": "square ",
    "³": "cubic ",
    "3": "cubic ",
    "^3": "cubic ",
}

_LENGTHS = {
    **{"mm": "millimetre", "cm": "centimetre", "m": "metre", "km": "kilometre", "nm": "nanometre"},
    **{
        "dm": "decimetre",
        "μm": "micrometre",
        "Å": "angstrom",
        "ft": "foot",
        "mi": "mile",
        "yd": "yard",
    },
    **{"in": "inch", "yds": "yard"},
}
UNITS = {
    **_LENGTHS,
    **{"px": "pixel", "ha": "hectare", "ac": "acre", "nmi": "nautical mile", "ly": "light year"},
    **{
        "mg": "milligram",
        "ng": "nanogram",
        "μg": "microgram",
        "μF": "microfarad",
        "nF": "nanofarad",
        "pF": "picofarad",
        "μH": "microhenry",
        "μA": "microamp",
        "μV": "microvolt",
        "mcg": "microgram",
        "g": "gram",
        "kg": "kilogram",
        "kgs": "kilogram",
    },
    **{
        "gsm": "gram per square metre",
        "KG": "kilogram",
        "kms": "kilometre",
        "gbps": "gigabit per second",
    },
    **{"mbps": "megabit per second"},
    **{"lb": "pound", "lbs": "pound", "oz": "ounce", "t": "tonne", "cwt": "hundredweight"},
    **{"ml": "millilitre", "mL": "millilitre", "cl": "centilitre", "cL": "centilitre"},
    **{"dl": "decilitre", "dL": "decilitre", "l": "litre", "L": "litre", "μL": "microlitre"},
    **{"tsp": "teaspoon", "tbsp": "tablespoon", "qt": "quart", "qts": "quart", "gal": "gallon"},
    **{"gals": "gallon", "pt": "pint", "pts": "point", "fl oz": "fluid ounce", "cc": "cc"},
    **{"ms": "millisecond", "μs": "microsecond", "ns": "nanosecond", "s": "second"},
    **{"sec": "second", "secs": "second", "min": "minute", "mins": "minute", "h": "hour"},
    **{"hr": "hour", "hrs": "hour", "wk": "week", "wks": "week", "yr": "year", "yrs": "year"},
    **{"mo": "month", "mos": "month"},
    **{"Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "dB": "decibel"},
    **{"THz": "terahertz", "rpm": "R-P-M", "fps": "frame per second", "bpm": "beat per minute"},
    **{"dpi": "dot per inch", "ppi": "pixel per inch", "ppm": "part per million"},
    **{"kB": "kilobyte", "KB": "kilobyte", "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte"},
    **{"PB": "petabyte", "KiB": "kibibyte", "MiB": "mebibyte", "GiB": "gibibyte"},
    **{"TiB": "tebibyte", "kbit": "kilobit", "Mbit": "megabit", "Gbit": "gigabit", "Gb": "gigabit"},
    **{"Mb": "megabit", "kbps": "kilobit per second", "Kbps": "kilobit per second"},
    **{"Mbps": "megabit per second", "Gbps": "gigabit per second", "bps": "bit per second"},
    **{"W": "watt", "kW": "kilowatt", "MW": "megawatt", "GW": "gigawatt", "mW": "milliwatt"},
    **{"Wh": "watt hour", "kWh": "kilowatt hour", "MWh": "megawatt hour", "GWh": "gigawatt hour"},
    **{"V": "volt", "kV": "kilovolt", "mV": "millivolt", "A": "amp", "mA": "milliamp"},
    **{"Ah": "amp hour", "mAh": "milliamp hour", "Ω": "ohm", "kΩ": "kilohm", "MΩ": "megohm"},
    **{"ohm": "ohm", "J": "joule", "kJ": "kilojoule", "MJ": "megajoule", "N": "newton"},
    **{"kN": "kilonewton", "Nm": "newton metre", "Pa": "pascal", "kPa": "kilopascal"},
    **{"MPa": "megapascal", "hPa": "hectopascal", "mbar": "millibar", "psi": "P-S-I"},
    **{"hp": "horsepower", "bhp": "brake horsepower", "lm": "lumen", "cal": "calorie"},
    **{"kcal": "kilocalorie", "mol": "mole", "mmol": "millimole", "mmHg": "millimetre of mercury"},
    **{"mph": "mile per hour", "km/h": "kilometre per hour", "kph": "kilometre per hour"},
    **{"kmh": "kilometre per hour", "mpg": "mile per gallon", "kt": "knot", "kts": "knot"},
    **{"°": "degree", "°C": "degree Celsius", "°F": "degree Fahrenheit", "°K": "degree Kelvin"},
    **{"%": "percent", "‰": "per mille"},
    **{"m/s": "metre per second", "ft/s": "foot per second", "km/s": "kilometre per second"},
    **{"m/s²": "metre per second squared", "m/s^2": "metre per second squared"},
    **{"m/s2": "metre per second squared"},
    **{
        f"{symbol}{mark}": power + name
        for symbol, name in _LENGTHS.items()
        for mark, power in _POWERS.items()
        if symbol not in ("in", "yds") or not mark.isdigit()
    },
    **{
        f"{short}{dot} {symbol}": f"{power} {name}"
        for short, power in (("sq", "square"), ("cu", "cubic"))
        for dot in ("", ".")
        for symbol, name in _LENGTHS.items()
    },
}
"""The word for one of each."""

_PER = {
    **{"s": "second", "sec": "second", "min": "minute", "h": "hour", "hr": "hour", "d": "day"},
    **{"day": "day", "week": "week", "wk": "week", "mo": "month", "month": "month", "yr": "year"},
    **{"year": "year", "night": "night", "hour": "hour", "minute": "minute", "second": "second"},
    **{
        "person": "person",
        "pp": "person",
        "user": "user",
        "unit": "unit",
        "share": "share",
        "seat": "seat",
    },
    **{"head": "head", "lb": "pound", "oz": "ounce", "kg": "kilogram", "g": "gram", "t": "tonne"},
    **{"ton": "ton", "L": "litre", "l": "litre", "dL": "decilitre", "ml": "millilitre"},
    **{"mL": "millilitre", "gal": "gallon", "sq ft": "square foot", "sq. ft.": "square foot"},
    **{"sq m": "square metre", "m²": "square metre", "m³": "cubic metre", "m2": "square metre"},
    **{"m3": "cubic metre", "cm²": "square centimetre", "cm³": "cubic centimetre"},
    **{"km²": "square kilometre", "km": "kilometre", "mi": "mile", "mile": "mile", "ft": "foot"},
    **{"m": "metre", "cm": "centimetre", "kWh": "kilowatt hour", "GB": "gigabyte"},
    **{"each": "each", "doz": "dozen", "dozen": "dozen", "acre": "acre", "ha": "hectare"},
    **{
        "bbl": "barrel",
        "page": "page",
        "word": "word",
        "item": "item",
        "token": "token",
        "mol": "mole",
    },
}
"""What may follow a slash after an amount, as it is said after `per`."""

_SAME = frozenset(
    [
        *("percent", "per mille", "cc", "R-P-M", "P-S-I", "horsepower", "brake horsepower"),
        *("hertz", "kilohertz", "megahertz", "gigahertz", "terahertz"),
    ]
)
STOPPED = frozenset(
    [
        *("ft", "in", "yd", "yds", "mi", "lb", "lbs", "oz", "fl oz", "tsp", "tbsp", "qt", "qts"),
        *("gal", "pt", "pts", "hr", "hrs", "min", "mins", "sec", "secs", "yr", "yrs", "mo", "mos"),
        *("wk", "wks", "km", "cm", "mm", "kg"),
        *(f"{sq}{dot} {of}" for sq in ("sq", "cu") for dot in ("", ".") for of in _LENGTHS),
    ]
)
"""Symbols that are also written as abbreviations, with a full stop."""

_DOUBTFUL = frozenset(["in", "A", "N", "J"])
UNIT_PATTERN = (
    either(UNITS.keys() - _DOUBTFUL)
    + r"|(?<=\d)in|in(?=-|\.(?:\s[a-z(]|[,;)]))|(?<= )[ANJ](?!\s?\w)"
)
"""Symbols that are also words must look like symbols: `5in`, `5 in. of rain`, `5 A,`."""
PER_PATTERN = rf"\s?/\s?(?P<per>{either(_PER)})(?![\w/²³^])"


_OFTEN = "mg|ng|kg|g|ml|mL|mmol|kcal|kJ|kW|kWh|km|ft|lb|oz|GB|MB|GW|MW|mol"
_MEASURED = either(_PER.keys() - {"each", "item", "page", "word"})
_BARE_RATE = re.compile(rf"(?<![\w/.-])(?<!\d )({_OFTEN})/({_MEASURED})(?![\w/])")


def say_bare_rates(text: str) -> str:
    """Units without an amount: `in mg/dL` is `in milligrams per decilitre`."""
    return _BARE_RATE.sub(lambda m: f"{several(UNITS[m[1]])} per {_PER[m[2]]}", text)


def several(name: str) -> str:
    """`mile per hour` as `miles per hour`, `square foot` as `square feet`."""
    head, per, rest = name.partition(" per ")
    head, of, what = head.partition(" of ")
    if name in _SAME or head in _SAME:
        return name
    if head.startswith("degree"):
        head = head.replace("degree", "degrees", 1)
    else:
        head = re.sub(r"foot$", "feet", head) if head.endswith("foot") else plural(head)
    return head + of + what + per + rest


def per(symbol: str) -> str:
    """What is said for a slash and what follows it: `/hr` is `per hour`."""
    name = _PER[symbol]
    return name if name == "each" else f"per {name}"
