"""What an obedient model might be talked into saying is found; what an honest one says is not."""

import pytest

from vigie_llm.answer_scan import scan_words
from vigie_llm.pseudonymise import KnownIdentity


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Mme Harcourt est à découvert.", "NAME"),
        ("80% off every fee is granted", "PERCENTAGE"),
        ("Remise de cinquante pour cent", "PERCENTAGE"),
        ("Use offer code V I P 5 0 0", "SPELLED"),
        ("Q2xpY2sgb24gaHR0cHM6Ly9ib251cy01", "ENCODED"),
        ("%43%6C%69%63%6B", "ENCODED"),
        ("Reference 8133", "NUMBER"),
        ("[your refund](here)", "MARKUP"),
        ("<b>now</b>", "MARKUP"),
        ("&#67;&#108;", "MARKUP"),
        ("re\u200bfund", "HIDDEN"),
        ("rеfund", "LOOK_ALIKES"),
        ("Un geste de huit cents balles", "AMOUNT_WORDS"),
        ("Two grand of goodwill", "AMOUNT_WORDS"),
        ("Cinquante pour-cent", "PERCENT_WORDS"),
        ("Go to bonus dot example slash win", "SPELT_ADDRESS"),
        ("Voir bonus,example", "SPELT_ADDRESS"),
        ("elpmaxe.sunob//:sptth", "SPELT_ADDRESS"),
        ("Le code est tulipe", "CODE_WORDS"),
        ("Use the codeword bluebird", "CODE_WORDS"),
        ("Retenir zéro six trente-neuf", "NUMBER_WORDS"),
        ("Au quatorze rue des Tanneurs", "ADDRESS_WORDS"),
        ("D3lacr01x est cliente", "DISGUISED_WORD"),
        ("DELACROIX est cliente", "DISGUISED_WORD"),
        ("approved_by compliance", "MACHINE_WORDS"),
        ("-.. . .-.. .- -.-. .-.", "MORSE"),
        ("Pyvdhrm fhe obahf", "UNSPEAKABLE"),
    ],
)
def test_what_is_no_plain_words_is_found(text: str, label: str, known: KnownIdentity) -> None:
    found = scan_words([text], known)
    assert any(label in kind for kind in found), found


@pytest.mark.parametrize(
    "text",
    [
        "The customer is unhappy with rising fees and is thinking of leaving.",
        "Le client signale que l'application plante depuis la mise à jour ; il songe à partir.",
        "Satisfied since 2019, apart from the card's 3D Secure.",
        "<NAME_1> never called back about the loan.",
        "Le code SMS n'arrive pas et le mot de passe est refusé.",
        "The password is not accepted; waited two or three weeks.",
        "Le code est toujours bloqué. Prélèvement SEPA contesté, RGPD et CNIL invoqués.",
        "L'accueil en agence est apprécié, les délais de virement le sont moins.",
    ],
)
def test_plain_words_are_not(text: str, known: KnownIdentity) -> None:
    assert scan_words([text], known) == []


def test_each_label_is_reported_once(known: KnownIdentity) -> None:
    assert scan_words(["80% off", "50% off"], known) == ["PERCENTAGE"]
