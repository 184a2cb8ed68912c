"""Presidio as a reference: its pattern recognisers, without a language model, which it would have to download."""

from typing import Any

from tests.evaluations.privacy.corpus import LabelledMessage
from tests.evaluations.privacy.masking_scores import Detector
from vigie_llm.pseudonymise import Span

NOTE = (
    "Presidio's pattern recognisers only (no language model, which would be a download); it refuses the reserved "
    "mail domains and phone ranges that the data uses on purpose"
)
_LABELS = {
    "EMAIL_ADDRESS": "EMAIL", "IBAN_CODE": "IBAN", "CREDIT_CARD": "CARD", "IP_ADDRESS": "IP",
    "PHONE_NUMBER": "PHONE", "URL": "URL", "UK_NINO": "NATIONAL_ID", "UK_VEHICLE_REGISTRATION": "PLATE",
    "UK_POSTCODE": "ADDRESS",
}  # fmt: skip


def presidio() -> Detector:
    """A detector that asks Presidio; ImportError when it is not installed."""
    analyzer = _analyzer()

    def detect(message: LabelledMessage) -> list[Span]:
        results = analyzer.analyze(text=message.text, language=message.language, entities=list(_LABELS))
        spans = [Span(r.start, r.end, _LABELS[r.entity_type]) for r in results]
        mails = [s for s in spans if s.label == "EMAIL"]
        return [s for s in spans if s.label != "URL" or not any(m.start <= s.start and s.end <= m.end for m in mails)]

    return detect


def _analyzer() -> Any:
    import spacy
    import tldextract
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    # The list of public suffixes that the package carries, instead of a download.
    vars(tldextract)["extract"] = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)

    class BlankEngine(SpacyNlpEngine):
        """A tokeniser that recognises no entity."""

        def load(self) -> None:
            vars(self)["nlp"] = {language: spacy.blank(language) for language in ("en", "fr")}

    engine = BlankEngine(models=[{"lang_code": language, "model_name": "blank"} for language in ("en", "fr")])
    engine.load()
    registry = RecognizerRegistry(supported_languages=["en", "fr"])
    for language in ("en", "fr"):
        for recognizer in _recognizers(language):
            registry.add_recognizer(recognizer)
    return AnalyzerEngine(nlp_engine=engine, registry=registry, supported_languages=["en", "fr"])


def _recognizers(language: str) -> list[Any]:
    from presidio_analyzer import predefined_recognizers as known

    names = ("EmailRecognizer", "IbanRecognizer", "CreditCardRecognizer", "IpRecognizer", "UrlRecognizer")
    british = ("UkNinoRecognizer", "UkVehicleRegistrationRecognizer", "UkPostcodeRecognizer")
    found = [getattr(known, name)(supported_language=language) for name in (*names, *british) if hasattr(known, name)]
    phones = known.PhoneRecognizer(supported_regions=("FR", "GB"), supported_language=language)
    return [*found, phones]
