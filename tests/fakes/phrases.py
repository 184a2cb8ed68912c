"""A small phrase bank, with two offers."""

from vigie.vocabulary import PhraseKind
from vigie_llm.action import Offer
from vigie_llm.phrases import PhraseBank, Sentence

OFFERS = (
    Offer("advisor_call", "A call", ("High", "Medium"), ("other", "communication")),
    Offer("fee_review", "Fees", ("High", "Medium"), ("fees", "card")),
    Offer("card_check", "Card", ("High",), ("card", "fees")),
    Offer("thanks", "Thanks", ("Low",), (), ("positive", "none")),
)


def _sentence(sentence_id: str, kind: PhraseKind, **conditions: tuple[str, ...]) -> Sentence:
    return Sentence(sentence_id, kind, {"fr": f"{sentence_id} en français.", "en": f"{sentence_id}."}, **conditions)  # type: ignore[arg-type]


SENTENCES = (
    *(_sentence(offer.offer_id, PhraseKind.OFFER, offers=(offer.offer_id,)) for offer in OFFERS),
    _sentence("fee_review_look", PhraseKind.OFFER, offers=("fee_review",)),
    _sentence("sorry", PhraseKind.OPENING, tones=("negative",)),
    _sentence("hello", PhraseKind.OPENING),
    _sentence("on_fees", PhraseKind.TOPIC, topics=("fees",)),
    _sentence("on_price", PhraseKind.CAUSE, causes=("price",)),
    _sentence("free", PhraseKind.ASSURANCE, offers=("advisor_call", "fee_review")),
    _sentence("goodbye", PhraseKind.CLOSING),
    _sentence("reply", PhraseKind.CLOSING, offers=("advisor_call", "fee_review", "card_check")),
    _sentence("why_high", PhraseKind.REASON, segments=("High",)),
    _sentence("why_driver_1", PhraseKind.REASON),
)
BANK = PhraseBank(SENTENCES)
CHOICE = {
    "opening": "hello", "topic": "no", "cause": "no", "first": "topic", "offer": "fee_review_look",
    "assurance": "free", "closing": "reply", "reasons": ["why_high"],
}  # fmt: skip
