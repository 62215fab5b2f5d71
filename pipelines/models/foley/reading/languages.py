"""Whether a description is in English, which is all that Foley understands."""

from __future__ import annotations

import re

from pipelines.models.foley.reading.word_lists import words

FOREIGN: dict[str, frozenset[str]] = {
    name: frozenset(words(text))
    for name, text in {
        "German": "der das dem den des ein eine einen einem einer eines und mit im auf ist sind "
        "nicht "
        "oder vom zum zur bei ohne über unter vor nach aus für laut lauter leise leiser starker "
        "starke starkes schwerer heftiger ferner ferne nähe regen regnet donner donnert "
        "donnergrollen hund "
        "hunde hundegebell gebell katze katzen bellt bellen bellender miaut schritte schritt tür "
        "tuer klopfen klopft klingel klingelt klingeln vögel vogel vogelgezwitscher vogelgesang "
        "zwitschern zwitschert glocke glocken kirchenglocken läuten läutet meer meeresrauschen "
        "wellen schuss schüsse gewehrschuss feuer feuerwerk gewitter sturm windgeräusche pferd "
        "pferde kuh kühe schaf schafe schwein hahn ente wolf heult eule uhr tickt wecker telefon "
        "glas zerbricht zersplittert knall explodiert zug hubschrauber flugzeug sirene hupe hupt "
        "motor motorrad lachen lacht applaus klatschen wasser fluss bach wasserfall tropfen "
        "knistern lagerfeuer schnarchen trommel trommelwirbel klavier gitarre geige flöte kinder "
        "weint schreit leute menschen straße strasse zuerst dann danach kein keine keinen hof wald "
        "nacht morgen stille geräusch geräusche",
        "French": "le la les un une des du de et avec dans sur sous est sont qui que sans puis "
        "ensuite après avant pendant loin lointain lointaine près pluie battante pleut tonnerre "
        "vent vents "
        "chien chiens chienne chat chats aboie aboient aboiement aboiements miaule miaulement pas "
        "porte claque grince oiseau oiseaux chantent chante cloche cloches église mer océan vague "
        "vagues coup coups fusil feu tir tirs coq vache vaches cheval chevaux mouton moutons "
        "cochon canard loup hibou horloge réveil téléphone sonne sonnette sonnerie verre brise "
        "avion hélicoptère sirène klaxon klaxonne moteur moto rires rire rit applaudissements "
        "foule eau rivière ruisseau cascade goutte gouttes tambour tambours violon flûte guitare "
        "bébé pleure enfants gens rue bruit bruits son orage forte fort tombe forêt nuit matin "
        "silence au aux",
        "Spanish": "el los las un una unos unas de y con en es son que sin luego después antes "
        "mientras lluvia llueve lloviendo cayendo trueno truenos viento perro perros gato gatos "
        "ladrando ladra "
        "ladran ladrido ladridos maúlla pasos puerta timbre pájaro pájaros cantando canta campana "
        "campanas iglesia mar olas disparo disparos tiro fuego fogata ruido sonido sonidos "
        "tormenta "
        "fuerte suave lejos cerca gallo vaca vacas caballo caballos oveja ovejas cerdo pato lobo "
        "aullando búho reloj despertador teléfono sonando suena vidrio cristal rompe rompiendo "
        "tren "
        "avión helicóptero sirena bocina claxon coche motor motocicleta risa risas aplausos "
        "multitud gente agua río arroyo cascada gotas tambor violín flauta guitarra bebé "
        "llorando llora niños calle bosque noche mañana silencio del por una",
        "Italian": "il lo gli uno una un e con nel nella nello sul sulla che senza poi dopo prima "
        "pioggia piove tuono tuoni vento cane cani gatto gatti abbaia abbaiano abbaiare miagola "
        "passi porta bussare campanello uccelli uccello cantano campana campane chiesa mare onde "
        "sparo spari fuoco falò rumore rumori suono temporale forte lontano gallo mucca mucche "
        "cavallo cavalli pecora pecore maiale anatra lupo gufo orologio sveglia telefono squilla "
        "vetro rompe treno aereo elicottero sirena clacson macchina motore risate applausi folla "
        "acqua fiume ruscello cascata gocce tamburo violino chitarra bambino piange strada "
        "foresta notte di "
        "della delle dei ghiaia",
        "Portuguese": "os uma uns umas um com no na em que sem depois antes chuva chove trovão "
        "trovões vento cão cães cachorro cachorros gato latindo late miando passos porta campainha "
        "pássaros pássaro cantando sino sinos igreja mar ondas tiro tiros fogo fogueira barulho "
        "som "
        "sons tempestade forte alto longe galo vaca cavalo ovelha porco pato lobo coruja relógio "
        "telefone tocando toca vidro quebrando trem avião helicóptero sirene buzina carro motor "
        "risos aplausos multidão água rio riacho cachoeira gotas tambor violino violão bebê "
        "chorando rua floresta noite do da dos das",
        "Dutch": "het een en met op niet zonder daarna dan regen regent donder onweer hond honden "
        "kat blaft blaffen blaffende voetstappen deur deurbel vogels vogel fluiten klok klokken "
        "zee golven schot schoten vuur geluid onweer haan koe paard schaap varken eend wolf uil "
        "wekker telefoon rinkelt glas breekt trein vliegtuig helikopter sirene claxon motor lachen "
        "applaus water rivier beek waterval druppels trommel straat bos nacht de van in het huilt",
        "Polish": "deszcz pada grzmot burza wiatr pies psy kot szczeka szczekanie miauczy kroki "
        "drzwi "
        "ptaki śpiew dzwon dzwony dzwonek morze morza szum fale strzał strzały wystrzał ogień "
        "kogut "
        "krowa koń owca kaczka wilk zegar telefon dzwoni szkło pociąg samolot śmiech oklaski woda "
        "rzeka las noc i z na w się nie bez potem dźwięk",
        "Swedish": "och en ett med på utan regn åska hund hundar skäller katt steg dörr dörrklocka "
        "fåglar fågel kvittrar klocka hav vågor skott eld tupp ko häst får vind blåser taket som "
        "är "
        "ljud skratt applåder vatten natt",
        "Danish or Norwegian": "og en et med på uten uden regn torden hund hunder hunde bjeffer "
        "gør "
        "katt kat skritt skridt dør fugler fugle synger klokke klokker hav bølger skudd skud ild "
        "hane ku ko hest vind lyd latter vann vand natt nat er som ikke",
        "Finnish": "sade sataa ukkonen ukkosta tuuli koira haukkuu kissa naukuu askeleet ovi "
        "linnut "
        "lintu laulaa kello meri aallot laukaus tuli kukko lehmä hevonen ja ei ilman sitten ääni "
        "yö",
        "Turkish": "yağmur yağıyor gök gürültüsü rüzgar köpek havlıyor havlaması kedi kapı kuş "
        "kuşlar sesi ses deniz dalgalar ateş horoz inek at silah ve ile bir",
        "Indonesian": "hujan deras petir guntur angin anjing menggonggong kucing mengeong langkah "
        "kaki pintu burung bernyanyi lonceng laut ombak tembakan api ayam sapi kuda suara dan "
        "dengan di tanpa lalu malam",
        "Czech or Slovak": "déšť prší hrom bouřka vítr pes štěká kočka kroky dveře ptáci zvon moře "
        "vlny výstřel oheň kohout kráva kůň zvuk hodiny vlak a v na bez potom noc",
        "Hungarian": "eső esik mennydörgés szél kutya ugat macska nyávog lépések ajtó madarak "
        "harang "
        "tenger hullámok lövés tűz kakas tehén ló hang és nélkül majd éjszaka egy az",
        "Romanian": "ploaie plouă tunet vânt câine latră pisică pași ușă păsări clopot mare valuri "
        "foc cocoș vacă cal sunet și cu fără apoi noapte un o în pe",
    }.items()
}
"""Words that are frequent in descriptions in other languages."""
_ENGLISH = frozenset(
    words(
        "the a an of with and is are on at by for from into over while then followed no not "
        "without far away near distant loud quiet quietly loudly his her its it someone "
        "somebody two "
        "three sound rain thunder dog dogs cat door bell water fire car barks "
        "barking footsteps "
        "knock knocking birds singing ringing heavy soft old small big in to as through during "
        "fading out man woman people street night crowd music playing plays near then and light "
        "hard gentle engine horn gun shot shots gunshot bird dogs cats city village country"
    )
)
_SHARED = frozenset(
    words(
        "a in on no as do me i de la le un e y en es da na la fort feu cat is fire at un o az lo "
        "des den dem die war son sons pas tir motor glas wolf sirene sturm kinder forte alto "
        "mare pes las los les el et ja ko ku hav som er far late toca suite cascade silence avion "
        "rue moto violin tuba water van dan bos steg and to ses api di dei del os um by per pro "
        "con no na em in un vent vents verre rit rire chat chats porte prima sino rio cal egy v "
        "i z "
        "w tambour glass tiro suave fuego ve met latter com op hang sin coup mar im bach kat "
        "regent cane "
        "vague nat pendant arroyo hahn dos sans est della pe zee med ile uno oder che que"
    )
)
"""Words of several languages, English among them, or too short to tell."""
_WORD = re.compile(r"[^\W\d_]+")
MOST_OTHER_LETTERS = 0.3
"""Share of letters outside the Latin script."""
_LOANS = frozenset(
    words(
        "café cafés fiancé fiancée déjà naïve façade façades résumé piñata jalapeño über crème "
        "brûlée cliché décor entrée mêlée señor señora soufflé touché voilà séance née blasé "
        "protégé exposé flambé sauté purée coupé risqué attaché cabaña doña são bon très fête "
        "château pâté première papier mâché smörgåsbord doppelgänger zoë chloé beyoncé ångström "
        "möbius schrödinger mötley motörhead röyksopp gödel rené josé andré noël"
    )
)
"""Words with marks over letters that are written in English too."""
_UNNAMED = "another language"


def other_language(text: str) -> str | None:
    """The language or script of a text that is not in English, None where nothing tells so."""
    letters = [letter for letter in text if letter.isalpha()]
    other = sum(not _is_latin(letter) for letter in letters)
    if letters and other > MOST_OTHER_LETTERS * len(letters):
        return "another script than the Latin one"
    said = _WORD.findall(text.lower())
    english = sum(word in _ENGLISH for word in said)
    marked = {word for word in said if not word.isascii() and word not in _LOANS}
    best, most = None, 0
    for name, known in {**FOREIGN, _UNNAMED: frozenset[str]()}.items():
        own = [word for word in said if word in known | marked and word not in _ENGLISH]
        clear = any(word not in _SHARED for word in own) or len(own) == len(said) > 2
        own_words = name == _UNNAMED or not known.isdisjoint(own)
        if clear and own_words and len(own) > most:
            best, most = name, len(own)
    return best if most > english and 3 * most >= len(said) else None


def _is_latin(letter: str) -> bool:
    code = ord(letter)
    return code < 0x250 or 0x1E00 <= code < 0x1F00 or 0xFF21 <= code < 0xFF5B
