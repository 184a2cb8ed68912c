"""What is masked, what stays readable, and what placeholders promise."""

import json
from dataclasses import fields
from datetime import date

import pytest

from vigie_llm.pseudonymise import KnownIdentity, Pseudonymised, pseudonymise

NADIA = KnownIdentity(
    first_name="Anne-Hélène",
    last_name="Le Cozannet",
    email="ah.lecozannet@courriel.example",
    phone="+33639984217",
    address="12 bis rue des Saulniers, 44000 Nantes",
    birth_date="1979-08-03",
    iban="FR7690417036264844896239110",
    customer_number="48120937",
)
OWEN = KnownIdentity("Oluwaseun", "O'Hara", "seun@post.example", "+447700900123", "4 Mill Lane, York", "1990-12-01")


def masked(text: str, known: KnownIdentity = NADIA, language: str = "fr") -> str:
    return pseudonymise(text, known, language).text


@pytest.mark.parametrize(
    "form",
    [
        "Anne-Hélène Le Cozannet", "LE COZANNET Anne-Hélène", "anne helene le cozannet", "A.-H. Le Cozannet",
        "Le Cozannet, Anne-Hélène", "Lecozannet", "Anne-Hélène L.", "Anne-Helene Le Cozanet", "annehelene lecozannet",
        "Ann-eHélène Le Cozannet", "Anne-Hélène Lec Ozanet",
        "Anne-H\u200bélène Le Co\u200dzannet", "Аnne-Hélène Lе Cоzаnnet", "Ａｎｎｅ-Ｈélène Le Cozannet",
        "Anne-H&eacute;l&egrave;ne Le Cozannet", "Anne-He\u0301le\u0300ne Le Cozannet",
    ],
)  # fmt: skip
def test_the_customers_name_is_masked_in_every_written_form(form: str) -> None:
    assert masked(f"Bonjour, ici {form}, rappelez-moi.") == "Bonjour, ici <NAME_1>, rappelez-moi."


@pytest.mark.parametrize(
    ("form", "placeholder"),
    [
        ("06 39 98 42 17", "<PHONE_1>"), ("+33 (0)6.39.98.42.17", "<PHONE_1>"), ("0033639984217", "<PHONE_1>"),
        ("zéro six trente-neuf 98 quarante-deux dix-sept", "<PHONE_1>"), ("O6 39 98 42 17", "<PHONE_1>"),
        ("639984217", "<PHONE_1>"),
        ("AH.LECOZANNET@courriel.example", "<EMAIL_1>"),
        ("ah point lecozannet arobase courriel point example", "<EMAIL_1>"),
        ("ah.lecozannet (at) courriel (dot) example", "<EMAIL_1>"), ("fr76 9041 7036 2648 4489 6239 110", "<IBAN_1>"),
        ("FR76-9041-7036-2648-4489-6239-110", "<IBAN_1>"), ("4812 0937", "<ACCOUNT_NUMBER_1>"),
        ("12 bis, rue des Saulniers à Nantes", "<ADDRESS_1>"), ("3 août 1979", "<BIRTH_DATE_1>"),
        ("03/08/79", "<BIRTH_DATE_1>"), ("1979-08-03", "<BIRTH_DATE_1>"),
    ],
)  # fmt: skip
def test_what_the_bank_knows_is_masked_without_any_word_around_it(form: str, placeholder: str) -> None:
    assert masked(f"voyez « {form} », merci") == f"voyez « {placeholder} », merci"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("écris à jp.martin@autre.example", "écris à <EMAIL_1>"),
        ("son numéro est le 07 44 12 39 80.", "son numéro est le <PHONE_1>."),
        ("la carte 4970 4312 8806 5514 est bloquée", "la carte <CARD_1> est bloquée"),
        ("carte se terminant par 4821, opposition", "carte se terminant par <CARD_1>, opposition"),
        ("sécu 2 73 11 2A 967 015 38 refusée", "sécu <NATIONAL_ID_1> refusée"),
        ("compte n° 70267707978 fermé", "compte n° <ACCOUNT_NUMBER_1> fermé"),
        ("mon fils, né le 12 mai 2011, attend", "mon fils, né le <BIRTH_DATE_1>, attend"),
        ("connexion de 198.51.100.23 hier", "connexion de <IP_1> hier"),
        ("et 2001:db8:41:7::9f ce matin", "et <IP_1> ce matin"),
        ("véhicule FT-907-LB accidenté", "véhicule <PLATE_1> accidenté"),
        ("je suis @paul.en.colere sur Instagram", "je suis <HANDLE_1> sur Instagram"),
        ("mon blog https://paul-b.example/banque dit tout", "mon blog <URL_1> dit tout"),
        ("habite 9 impasse du Lavoir, 35000 Rennes depuis", "habite <ADDRESS_1> depuis"),
        ("compte n° 0183 5529 047, encore", "compte n° <ACCOUNT_NUMBER_1>, encore"),
        ("Contrat obsèques n° OB-77120-443 : doublé", "Contrat obsèques n° <ACCOUNT_NUMBER_1> : doublé"),
        ("Prêt en retard. Réf. PT/208841/07 svp", "Prêt en retard. Réf. <ACCOUNT_NUMBER_1> svp"),
        ("Véhicule 4821 RX 67, assuré", "Véhicule <PLATE_1>, assuré"),
        ("écrire : Kergroas, 29270 Carhaix", "écrire : <ADDRESS_1>"),
        ("dossier sinistre SN-2291-0087, rien", "dossier sinistre <ACCOUNT_NUMBER_1>, rien"),
        ("né le vingt-deux mars mille neuf cent trente-neuf, il", "né le <BIRTH_DATE_1>, il"),
        ("ma fille Zoé (3 mai 2005) attend", "ma fille <NAME_1> (<BIRTH_DATE_1>) attend"),
        ("assurance refusée, 7734 WX 13 en panne", "assurance refusée, <PLATE_1> en panne"),
        ("au 8 r. des Lilas blancs à Tourcoing, oui", "au <ADDRESS_1>, oui"),
        ("à l'adresse Résidence Les Ormes, appt 14, Le Port", "à l'adresse <ADDRESS_1>"),
        ("zoe.mkt_95 sur snap en parle", "<HANDLE_1> sur snap en parle"),
    ],
)  # fmt: skip
def test_patterns_are_masked_for_people_the_bank_does_not_know(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Call me on 07700 900 556.", "Call me on <PHONE_1>."),
        ("Account 31926819, sort code 20-00-00.", "Account <ACCOUNT_NUMBER_1>, sort code <ACCOUNT_NUMBER_2>."),
        ("My car AB12 CDE was clamped.", "My car <PLATE_1> was clamped."),
        ("DOB 3.6.80, thanks", "DOB <BIRTH_DATE_1>, thanks"),
        ("I live at Flat 6, 88 Corn Street, Leicester LE1 0ZZ now", "I live at <ADDRESS_1> now"),
        ("NI number QQ 12 34 56 C please", "NI number <NATIONAL_ID_1> please"),
        ("It is Seun O'Hara writing", "It is <NAME_1> writing"),
        ("My husband Tom and Mrs Harcourt know.", "My husband <NAME_1> and Mrs <NAME_2> know."),
        ("Gareth from the Leeds branch helped.", "<NAME_1> from the Leeds branch helped."),
        ("I'm at Tigh na Mara, Glendale, Isle of Skye IV55 0ZZ, far", "I'm at <ADDRESS_1>, far"),
        ("it's his, d.o.b. 03-08-1974, yes", "it's his, d.o.b. <BIRTH_DATE_1>, yes"),
        ("Loan ref LN-4402-1187 was settled", "Loan ref <ACCOUNT_NUMBER_1> was settled"),
        ("the staff, Jean and Marion above all", "the staff, <NAME_1> and <NAME_2> above all"),
        ("Fine. O. J. O'Hara", "Fine. <NAME_1>"),
        ("Written to O. OHarra again", "Written to <NAME_1> again"),
        ("it is O-H-A-R-A, please", "it is <NAME_1>, please"),
        ("born on the fourth of November 1931, he", "born on <BIRTH_DATE_1>, he"),
        ("claim 2023-CLM-118204 is open", "claim <ACCOUNT_NUMBER_1> is open"),
        ("at 3rd Floor, Block B, 61 Cable St, London E1, yes", "at <ADDRESS_1>, yes"),
        ("The Old Rectory, Church Lane, Much Hadham", "<ADDRESS_1>"),
        ("my mother's maiden name is Featherstonhaugh, no", "my mother's maiden name is <NAME_1>, no"),
        ("my name is Olu O'Harra", "my name is <NAME_1>"),
        ("mails to adviser.dunbar@post.example; where is Dunbar", "mails to <EMAIL_1>; where is <NAME_1>"),
        ("I told Jasmin and then Oyelaran said no", "I told <NAME_1> and then <NAME_2> said no"),
        ("Quoted 4.1. Saffron Khoury says so.", "Quoted 4.1. <NAME_1> says so."),
    ],
)  # fmt: skip
def test_british_forms_are_masked(text: str, expected: str) -> None:
    assert masked(text, OWEN, "en") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mme Lefèvre m'a rappelé", "Mme <NAME_1> m'a rappelé"),
        ("ma conseillère Sandrine Quéré est partie", "ma conseillère <NAME_1> est partie"),
        ("Merci à Xylio pour son aide", "Merci à <NAME_1> pour son aide"),
        ("mon mari pierre attend", "mon mari <NAME_1> attend"),
        ("Ma collègue Rose a pris la carte Rose", "Ma collègue <NAME_1> a pris la carte Rose"),
        ("mon beau-frère Loïc Le Cozannet aussi", "mon beau-frère <NAME_1> aussi"),
        ("mon frère yassine rakotomalala est passé", "mon frère <NAME_1> est passé"),
        ("le conseiller en visio, Xylandre, est absent", "le conseiller en visio, <NAME_1>, est absent"),
        ("VOTRE CONSEILLER BRUNO CASTAING M'A RACCROCHÉ AU NEZ", "VOTRE CONSEILLER <NAME_1> M'A RACCROCHÉ AU NEZ"),
        ("Merci Madame Le Cozannet, sans lien de parenté", "Merci Madame <NAME_1>, sans lien de parenté"),
        ("le relevé d'un autre Anne-Hélène Le Cozannet", "le relevé d'un autre <NAME_1>"),
        ("le vendeur, Castelbajac il s'appelait, est parti", "le vendeur, <NAME_1> il s'appelait, est parti"),
        ("hier que Jean-Noël est malade", "hier que <NAME_1> est malade"),
    ],
)  # fmt: skip
def test_third_persons_are_masked_by_context(text: str, expected: str) -> None:
    result = pseudonymise(text, NADIA, "fr")
    assert result.text == expected
    assert result.counts == {"OTHER_NAME": 1}


@pytest.mark.parametrize(
    "text",
    [
        "Prélevé de 1 250,00 € le 12/03/2024, puis 45,90 €.", "Le Livret Bleu et le compte Jeanne rapportent peu.",
        "L'agence de Saint-Denis ferme en avril.", "J'investis dans la pierre, petit à petit.",
        "Voir la brochure réf. 2023/77-B, page 4.", "Le 3255 ne répond plus.", "La carte expire en 09/27.",
        "Client depuis 1984, jamais un geste.", "Affiche https://piege.example/?d= et clique dessus.",
        "Parti chez Fortuneo, puis au Crédit Agricole.", "L'appli ne marche plus depuis le 3 juin.",
        "mon frère attend toujours, mon mari aussi.", "Le placement Marguerite et l'agence de Château-Thierry.",
        "Contrat et brochure, réf. 2023/4417-B, page 4.", "Classé « client ravi ».",
        "Votre chat « Clara » tourne en rond.", "Il m'a parlé comme à un chien.",
        "L'agence de Montreuil m'a fait attendre.",
        "Courrier réf. TAR/2025-04, dossier tarifs 2024/0915.", "Un abri de 12 square.",
        "Taux de 3,85 % sur 240 mois.", "La version 4.12.0.1 plante.", "Merci à toute l'équipe, Monsieur le directeur.",
    ],
)  # fmt: skip
def test_french_hard_negatives_stay_readable(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Mark my words, I will sue, frankly.", "The Grace Saver and the Rose Bond pay 3.9%.",
        "I paid £1,250.00 on 12/03/2024.", "The branch on King Street in Leeds is shut.",
        "Leaflet REF 2024/0915-UK quotes £0.40.", "In May and April you promised more.", "I am off to Monzo.",
        "A shed of 12 square metres.", "Last try at 4.12am, your letter ref TAR/2025-04.",
        "I told Barclays and asked Monzo.",
        "Dear Sirs, the tax year ending 2024 is over.", "A young man at the desk, the price of progress.",
    ],
)  # fmt: skip
def test_english_hard_negatives_stay_readable(text: str) -> None:
    assert masked(text, OWEN, "en") == text


def test_an_ordinary_word_stays_readable_though_it_is_the_customers_name() -> None:
    pierre = KnownIdentity(first_name="Pierre", last_name="Petit")
    assert masked("La pierre, c'est un petit plus. Pierre Petit", pierre) == "La pierre, c'est un petit plus. <NAME_1>"


def test_the_same_entity_gets_the_same_placeholder() -> None:
    text = "Karim Benz m'a dit oui, puis Karim a dit non. Tél 06 39 98 11 22 ou 06.39.98.11.22, sinon 06 39 98 33 44."
    assert masked(text) == (
        "<NAME_1> m'a dit oui, puis <NAME_1> a dit non. Tél <PHONE_1> ou <PHONE_1>, sinon <PHONE_2>."
    )


def test_a_placeholder_typed_by_the_customer_is_not_taken_for_one_of_ours() -> None:
    assert masked("<NAME_3> et Mme Lefèvre") == "<NAME_3> et Mme <NAME_4>"


def test_spans_point_into_the_original_text_and_counts_add_up() -> None:
    text = "É\u200bcrit par Anne-Hélène Le Cozannet, 06 39 98 42 17"
    result = pseudonymise(text, NADIA, "fr")
    assert [text[s.start : s.end] for s in result.spans] == ["Anne-Hélène Le Cozannet", "06 39 98 42 17"]
    assert result.counts == {"CUSTOMER_NAME": 1, "PHONE": 1}


def test_nothing_that_leads_back_to_the_values_is_kept() -> None:
    result = pseudonymise("Karim, 06 39 98 11 22", NADIA, "fr")
    assert {f.name for f in fields(Pseudonymised)} == {"text", "counts", "spans"}
    assert "Karim" not in json.dumps([result.text, result.counts, [str(s) for s in result.spans]])


def test_an_unknown_customer_and_an_empty_text_are_no_error() -> None:
    assert pseudonymise("", KnownIdentity(), "fr") == Pseudonymised("", {}, ())
    assert masked("bonjour", KnownIdentity(birth_date=date(1980, 1, 1), phone="", iban=None)) == "bonjour"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("in 0572 was used, left for GB25 XQCB 9913 2905 9172 44 and", "in 0572 was used, left for <IBAN_1> and"),
        ("card 4970 4312 8806 5514 11/26 lost", "card <CARD_1> 11/26 lost"),
        ("appelez le 06 39 98 33 50 2 fois", "appelez le <PHONE_1> 2 fois"),
        ("0639983350 12/03 ok", "<PHONE_1> 12/03 ok"),
    ],
)
def test_neighbouring_digits_hide_no_identifier(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize("unit", ["1 ", "a.", "a@", "-", "A ", "point ", "06 ", "*", "1/", "&#", ":", "le de ", "Mr "])
def test_long_repetitive_text_is_read_in_reasonable_time(unit: str) -> None:
    text = unit * (20_000 // len(unit))
    assert isinstance(pseudonymise(text, NADIA, "fr").text, str)
