"""Names of currencies and the signs and codes that are written for them."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.english.number_words import either, plural


@dataclass(frozen=True, slots=True)
class Currency:
    """The word for one of it, for its hundredth part, and for several of each.

    The hundredth is empty where amounts have no such part in speech.
    """

    one: str
    hundredth: str = ""
    several: str = ""
    hundredths: str = ""

    @property
    def many(self) -> str:
        return self.several or plural(self.one)

    @property
    def many_hundredths(self) -> str:
        return self.hundredths or plural(self.hundredth)


_US = Currency("dollar", "cent")
_POUND = Currency("pound", "penny", hundredths="pence")
_EURO = Currency("euro", "cent")
_YEN = Currency("yen", several="yen")
_WON = Currency("won", several="won")
_RUPEE = Currency("rupee", "paisa", hundredths="paise")
_REAL = Currency("real", "centavo", several="reais")
_PESO = Currency("peso", "centavo")
_YUAN = Currency("yuan", several="yuan")
_FRANC = Currency("Swiss franc", "centime")
_ROUBLE = Currency("rouble", "kopeck")
_LIRA = Currency("lira", "kurus", several="lira", hundredths="kurus")
_NAIRA = Currency("naira", "kobo", several="naira", hundredths="kobo")
_DONG = Currency("dong", several="dong")
_BAHT = Currency("baht", several="baht")
_SHEKEL = Currency("shekel", "agora", hundredths="agorot")
_HRYVNIA = Currency("hryvnia", "kopeck")
_RAND = Currency("rand", "cent", several="rand")
_ZLOTY = Currency("zloty", "grosz", several="zlotys", hundredths="groszy")
_KORUNA = Currency("koruna", several="korunas")
_PHILIPPINE = Currency("Philippine peso", "centavo")


def _dollar(country: str) -> Currency:
    return Currency(f"{country} dollar", "cent")


def _pound(country: str) -> Currency:
    return Currency(f"{country} pound")


_DOLLARS = {
    **{"US": "US", "A": "Australian", "AU": "Australian", "C": "Canadian", "CA": "Canadian"},
    **{"CDN": "Canadian", "HK": "Hong Kong", "NZ": "New Zealand", "S": "Singapore"},
    **{"SG": "Singapore", "NT": "New Taiwan", "TW": "New Taiwan", "J": "Jamaican", "B": "Bahamian"},
    **{"TT": "Trinidad and Tobago", "FJ": "Fijian", "BZ": "Belize", "Z": "Zimbabwean"},
    **{"EC": "East Caribbean", "N": "Namibian", "L": "Liberian", "BB": "Barbadian"},
}

SIGNS: dict[str, Currency] = {
    "$": _US,
    **{f"{prefix}$": _dollar(country) for prefix, country in _DOLLARS.items()},
    **{f"{prefix}$": _REAL for prefix in ("R", "BR")},
    **{f"{prefix}$": Currency("Mexican peso", "centavo") for prefix in ("MX", "Mex", "Mex.")},
    "AR$": Currency("Argentine peso", "centavo"),
    "CL$": Currency("Chilean peso"),
    "COL$": Currency("Colombian peso"),
    "£": _POUND,
    **{"E£": _pound("Egyptian"), "S£": _pound("Syrian"), "L£": _pound("Lebanese")},
    **{"€": _EURO, "¥": _YEN, "JP¥": _YEN, "CN¥": _YUAN, "元": _YUAN},
    **{"₩": _WON, "₹": _RUPEE, "₽": _ROUBLE, "₺": _LIRA, "₦": _NAIRA, "₫": _DONG},
    **{"₱": _PHILIPPINE, "฿": _BAHT, "₪": _SHEKEL, "₴": _HRYVNIA},
    "₡": Currency("colon", several="colones"),
    "₲": Currency("guarani"),
    "₵": Currency("cedi", "pesewa"),
    "₸": Currency("tenge", several="tenge"),
    "₼": Currency("manat", several="manat"),
    "₾": Currency("lari", several="lari"),
    "৳": Currency("taka", several="taka"),
    "₮": Currency("tugrik"),
    "₭": Currency("kip", several="kip"),
    "៛": Currency("riel"),
    "₿": Currency("bitcoin", several="bitcoin"),
    "₨": _RUPEE,
}
"""Written before an amount, or after it."""

HUNDREDTHS: dict[str, Currency] = {"¢": Currency("cent")}
"""Written after an amount of hundredths."""

CODES: dict[str, Currency] = {
    **{"USD": Currency("US dollar", "cent"), "AUD": _dollar("Australian")},
    **{"CAD": _dollar("Canadian"), "NZD": _dollar("New Zealand"), "HKD": _dollar("Hong Kong")},
    **{"SGD": _dollar("Singapore"), "TWD": _dollar("New Taiwan")},
    **{"GBP": Currency("pound", "penny", hundredths="pence"), "EUR": _EURO, "JPY": _YEN},
    **{"CNY": _YUAN, "RMB": Currency("renminbi", several="renminbi"), "KRW": _WON, "INR": _RUPEE},
    **{"PKR": Currency("Pakistani rupee"), "LKR": Currency("Sri Lankan rupee"), "CHF": _FRANC},
    **{"BRL": _REAL, "MXN": Currency("Mexican peso", "centavo"), "RUB": _ROUBLE, "TRY": _LIRA},
    **{"NGN": _NAIRA, "VND": _DONG, "THB": _BAHT, "ILS": _SHEKEL, "UAH": _HRYVNIA, "ZAR": _RAND},
    **{"PLN": _ZLOTY, "PHP": _PHILIPPINE, "CZK": _KORUNA},
    **{"SEK": Currency("Swedish krona", several="Swedish kronor")},
    **{"NOK": Currency("Norwegian krone", several="Norwegian kroner")},
    **{"DKK": Currency("Danish krone", several="Danish kroner")},
    **{"HUF": Currency("forint"), "IDR": Currency("rupiah", several="rupiah")},
    **{"MYR": Currency("ringgit", several="ringgit"), "EGP": _pound("Egyptian")},
    **{"AED": Currency("dirham"), "SAR": Currency("Saudi riyal"), "QAR": Currency("Qatari riyal")},
    **{"KES": Currency("Kenyan shilling"), "ARS": Currency("Argentine peso", "centavo")},
    **{"BTC": Currency("bitcoin", several="bitcoin"), "ETH": Currency("ether", several="ether")},
}
"""ISO 4217, and what is written like it; before an amount or after it."""

WORDS: dict[str, Currency] = {
    **{"Rs.": _RUPEE, "Rs": _RUPEE, "zl": _ZLOTY, "Kc": _KORUNA},
    "kr": Currency("krona", several="kronor"),
    **{"RM": Currency("ringgit", several="ringgit"), "Rp": Currency("rupiah", several="rupiah")},
    **{"KSh": Currency("Kenyan shilling")},
}
"""Short forms of names."""

BEFORE = {
    **SIGNS,
    **CODES,
    **{name: WORDS[name] for name in ("Rs.", "Rs", "RM", "Rp", "KSh", "kr")},
}
AFTER = {**SIGNS, **HUNDREDTHS, **CODES, **{name: WORDS[name] for name in ("zl", "Kc", "kr")}}
ALL = BEFORE | AFTER

BEFORE_PATTERN = either(BEFORE)
AFTER_PATTERN = either(AFTER)
SIGN_CHARACTERS = "".join(sorted({sign[-1] for sign in SIGNS} | {"¢"}))
"""The signs themselves, for a class of characters."""
