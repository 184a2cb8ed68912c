"""The last look at a request's bytes and the first at an answer."""

import json
from pathlib import Path

import pytest

from tests.evaluations.privacy.corpus import LabelledMessage, generate
from tests.evaluations.privacy.labelled import read_labelled
from vigie_llm.analysis import ask_for_analysis
from vigie_llm.guard import GuardFinding, scan_answer, scan_outgoing
from vigie_llm.pseudonymise import KnownIdentity, pseudonymise

DEV_SET = Path(__file__).parents[2] / "data/feedback_dev.jsonl"
KNOWN = KnownIdentity(
    first_name="Éléonore",
    last_name="Van der Meersch",
    email="e.vandermeersch@courriel.example",
    phone="+33639984217",
    address="12 rue des Saulniers, 44000 Nantes",
    birth_date="1979-08-03",
    iban="FR7690417036264844896239110",
    customer_number="48120937",
)


def body(text: str, system: str = "You read what a bank's customer wrote.", *, escape: bool = True) -> bytes:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    request = {"model": "openai/gpt-oss-20b", "messages": messages, "max_tokens": 1024, "stream": False}
    return json.dumps(request, ensure_ascii=escape).encode()


def labels(findings: list[GuardFinding]) -> set[str]:
    return {finding.label for finding in findings}


def outgoing(message: LabelledMessage, text: str) -> bytes:
    question = ask_for_analysis("analysis-2", text, message.language, message.known)
    return body(question.user, question.system + json.dumps(question.schema))


@pytest.mark.parametrize("escape", [True, False])
@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("signé Éléonore Van der Meersch", "CUSTOMER_NAME"), ("VAN DER MEERSCH ELEONORE", "CUSTOMER_NAME"),
        ("madame meersch attend", "CUSTOMER_NAME"), ("Éléonore attend", "CUSTOMER_NAME"),
        ("E.VANDERMEERSCH @ courriel.example", "EMAIL"),
        ("e point vandermeersch arobase courriel point example", "EMAIL"),
        ("au 06.39.98.42.17", "PHONE"), ("zéro six trente-neuf 98 42 17", "PHONE"), ("(+33) 6 39 98 42 17", "PHONE"),
        ("fr76-9041-7036-2648-4489-6239-110", "IBAN"), ("client 4812 0937", "ACCOUNT_NUMBER"),
        ("née le 3 août 1979", "BIRTH_DATE"), ("03.08.79", "BIRTH_DATE"), ("au 12, rue des saulniers", "ADDRESS"),
        ("Éléo\u200bnore Van der Mee\u200drsch", "CUSTOMER_NAME"), ("Élеоnоrе", "CUSTOMER_NAME"),
    ],
)  # fmt: skip
def test_the_customers_own_identifiers_are_found_in_any_written_form(text: str, label: str, escape: bool) -> None:
    assert label in labels(scan_outgoing(body(text, escape=escape), KNOWN))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("paul@autre.example", "EMAIL"), ("07 44 12 39 80", "PHONE"), ("+44 7700 900 556", "PHONE"),
        ("GB33BUKB20201555555555", "IBAN"), ("4970 4312 8806 5514", "CARD"), ("2 73 11 2A 967 015 38", "NATIONAL_ID"),
        ("198.51.100.23", "IP"), ("AB 12 34 56 C", "NATIONAL_ID"),
    ],
)  # fmt: skip
def test_validated_patterns_are_found_whosoever_they_are(text: str, label: str) -> None:
    assert label in labels(scan_outgoing(body(f"voir {text} svp"), KNOWN))


def test_a_finding_says_what_and_where_and_never_the_value() -> None:
    findings = scan_outgoing(body("au 06 39 98 42 17"), KNOWN)
    assert findings == [GuardFinding("PHONE", "body.messages[1].content")]
    assert "639984217" not in repr(findings)


def test_a_body_that_is_not_json_is_read_as_text() -> None:
    assert labels(scan_outgoing(b"tel=06+39+98+42+17 \\u00c9l\\u00e9onore", KNOWN)) >= {"CUSTOMER_NAME"}


def test_identifiers_put_into_our_own_instructions_are_found() -> None:
    assert "CUSTOMER_NAME" in labels(scan_outgoing(body("ok", system="About Éléonore Van der Meersch"), KNOWN))
    assert "PHONE" in labels(scan_outgoing(body("ok", system="call 06 39 98 42 17"), KNOWN))


def test_instructions_seen_before_are_still_compared_with_each_customer() -> None:
    """Constant instructions are read once: what was found in them, and whose name they hold, is said every time."""
    with_phone = body("ok", system="never seen before: call 06 39 98 42 17")
    with_name = body("ok", system="never seen before: about Éléonore Van der Meersch")
    stranger = KnownIdentity(first_name="Hugo", last_name="Petitjean")
    assert [labels(scan_outgoing(with_phone, known)) for known in (stranger, KNOWN, stranger)] == [{"PHONE"}] * 3
    found = [labels(scan_outgoing(with_name, known)) for known in (stranger, KNOWN, stranger, KNOWN)]
    assert found == [set(), {"CUSTOMER_NAME"}] * 2


def test_dates_of_birth_are_found_beside_other_dates() -> None:
    text = "12 mars 03 août 79, 3 of August 1979 and August 3rd, '79"
    assert labels(scan_outgoing(body(text), KNOWN)) == {"BIRTH_DATE"}
    for written in ("3 août 1979", "03 aout 79", "August 3, 1979", "1979/8/3", "le 12 mars 03 aout 79"):
        assert labels(scan_outgoing(body(written), KNOWN)) == {"BIRTH_DATE"}, written
    for other in ("3 août 1978", "4 August 1979", "13 août 1979", "août 1979", "3 avril 1979"):
        assert scan_outgoing(body(other), KNOWN) == [], other


def test_words_of_our_instructions_are_no_one_s_name() -> None:
    known = KnownIdentity(first_name="Claire", last_name="Read")
    assert scan_outgoing(body("<NAME_1> écrit", system="You read, card, feedback, claire"), known) == []


def test_placeholders_markers_and_model_ids_are_no_finding() -> None:
    marker = "0639984217" + "4812093712345678901234"
    text = f'<feedback id="{marker}">\n<NAME_1> <PHONE_2> <IBAN_1> 2024-08-06\n</feedback id="{marker}">'
    assert scan_outgoing(body(text), KNOWN) == []


def test_what_the_pseudonymiser_leaves_passes_the_guard() -> None:
    messages = read_labelled(DEV_SET) + generate(150, 5, "fr") + generate(150, 5, "en")
    blocked = [
        pseudonymise(m.text, m.known, m.language).text
        for m in messages
        if scan_outgoing(outgoing(m, pseudonymise(m.text, m.known, m.language).text), m.known)
    ]
    assert blocked == []


def test_a_pseudonymiser_that_does_nothing_is_caught() -> None:
    """Every labelled e-mail, phone, IBAN and card of the set; the guard shares no detector with the pseudonymiser."""
    kinds = {"EMAIL", "PHONE", "IBAN"}
    messages = [m for m in read_labelled(DEV_SET) if {s.label for s in m.spans} & kinds]
    missed = [m.text for m in messages if not labels(scan_outgoing(outgoing(m, m.text), m.known))]
    assert missed == []


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Voir https://exemple.test/x", "LINK"), ("go to www.piege.example", "LINK"), ("[ici](javascript:x)", "LINK"),
        ("écrivez à aide@banque.example", "EMAIL"), ("Call 0800 123 456", "PHONE"), ("appelez le 3255", "PHONE"),
        ("rendez-vous 12 rue de la Paix", "ADDRESS"),
        ("at 5 Mill Lane", "ADDRESS"),
        ("utilisez le code FIDELE-999", "PROMO_CODE"),
        ("offer code vip: VIP500", "PROMO_CODE"), ("un geste de 50 €", "AMOUNT"), ("a £250 credit", "AMOUNT"),
        ("cinquante euros offerts", "AMOUNT"),
        ("fifty pounds back", "AMOUNT"),
        ("Éléonore sera ravie", "CUSTOMER_NAME"),
        ("contactez @vigie_aide", "HANDLE"), ("4970 4312 8806 5514", "CARD"),
    ],
)  # fmt: skip
def test_answers_hold_no_personal_data_and_no_way_to_pay_or_be_reached(text: str, label: str) -> None:
    assert label in labels(scan_answer(["fine", text], KNOWN))


@pytest.mark.parametrize(
    "text",
    [
        "Le client se plaint des frais et d'une carte bloquée depuis trois semaines.",
        "Customer unhappy with a 3.9% rate, waiting since April; three calls, no answer.",
        "Bonjour, un conseiller vous propose un rendez-vous pour revoir vos frais. Nous restons à votre écoute.",
        "We would like to review your savings rate with you. Your adviser will call you within 2 working days.",
        "Le client a été débité deux fois et demande un remboursement à <NAME_1>.",
    ],
)
def test_ordinary_answers_pass(text: str) -> None:
    assert scan_answer([text], KNOWN) == []


def test_what_an_answer_may_hold_can_be_widened() -> None:
    assert scan_answer(["un geste de 50 €"], KNOWN, forbidden=frozenset({"LINK"})) == []


@pytest.mark.parametrize("number", [33639984217, 639984217, 33639984217.0])
def test_a_number_of_a_body_is_read_like_a_text(number: float) -> None:
    """A telephone number may be sent without quotation marks."""
    sent = json.loads(body("ok"))
    sent["messages"][1]["content"] = [{"type": "number", "value": number}]
    assert "PHONE" in labels(scan_outgoing(json.dumps(sent).encode(), KNOWN))


def test_true_and_false_are_no_words_of_a_customer() -> None:
    """Somebody may be called True; the switches of a request are not about them."""
    assert scan_outgoing(body("ok"), KnownIdentity(first_name="False", last_name="True")) == []


def test_a_body_without_messages_holds_no_instructions() -> None:
    """What is not a question of ours has no instructions in it: a name standing alone counts everywhere."""
    assert "CUSTOMER_NAME" in labels(scan_outgoing(json.dumps({"input": "Éléonore attend"}).encode(), KNOWN))
    assert "CUSTOMER_NAME" in labels(scan_outgoing(json.dumps(["messages", "Éléonore attend"]).encode(), KNOWN))


def test_a_name_alone_is_found_as_a_key_of_what_is_quoted() -> None:
    sent = json.loads(body("ok"))
    sent["messages"][1]["content"] = {"Éléonore": "attend"}
    assert "CUSTOMER_NAME" in labels(scan_outgoing(json.dumps(sent).encode(), KNOWN))


@pytest.mark.parametrize("word", ["user", "content"])
def test_words_of_the_protocol_are_no_surname_where_the_protocol_has_them(word: str) -> None:
    assert scan_outgoing(body("ok"), KnownIdentity(first_name="Hugo", last_name=word.title())) == []
