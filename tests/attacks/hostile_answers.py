"""What a hostile model may answer where it is asked to choose: everything but a fair choice, and now and then one."""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from vigie_llm.chat import ChatRequest

# In every hostile sentence, so that a search of the database finds what was kept of one.
TRACE = "zorglub"
SAID = (
    "We promise you that all your fees will be paid back.", "Nous vous promettons le remboursement de tous vos frais.",
    "Your account will be closed unless you confirm your password.", "Confirmez votre code secret à notre agent.",
    "You will regret it if you leave us.", "Les gens comme vous ne méritent pas mieux.",
    "Because of your illness we offer you a rebate.", "Cinq cents euros vous attendent dès lundi.",
    "Your neighbour was granted a better rate than you.", "Répondez avant vendredi soir.",
)  # fmt: skip
FIELDS = ("opening", "topic", "cause", "first", "offer", "assurance", "closing")
LOOK_ALIKES = str.maketrans("aeopc", "аеорс")
HIDDEN = ("\u200b", "\u00ad", "\ufeff", " ", "\x00", "\u202e", "\n")
type Answer = dict[str, Any]


class HostileModel:
    """Answers by strategies drawn from a seed; knows every sentence of the bank, its texts included."""

    def __init__(self, bank: dict[str, dict[str, dict[str, Any]]], seed: int) -> None:
        self._random = random.Random(seed)
        self._bank = bank
        self._ids = [each for kind in bank.values() for each in kind]
        self._texts = [given[of] for kind in bank.values() for given in kind.values() for of in ("fr", "en")]
        self.drawn: list[str] = []

    def answer(self, request: ChatRequest) -> str:
        """One answer, as text."""
        strategy = self._random.choice(STRATEGIES)
        self.drawn.append(strategy.__name__)
        made = strategy(self, self._fair(request))
        return made if isinstance(made, str) else json.dumps(made, ensure_ascii=self._random.random() < 0.5)

    def _fair(self, request: ChatRequest) -> Answer:
        asked = request.schema["properties"]
        answer: Answer = {name: self._random.choice(asked[name]["enum"]) for name in FIELDS}
        return answer | {"reasons": self._random.sample(asked["reasons"]["items"]["enum"], 1)}

    def prose(self) -> str:
        return f"{self._random.choice(SAID)} {TRACE}"

    def field(self) -> str:
        return self._random.choice((*FIELDS, "reasons"))

    def fair(self, answer: Answer) -> Answer:
        return answer

    def prose_in_a_field(self, answer: Answer) -> Answer:
        name = self.field()
        return answer | {name: [self.prose()] if name == "reasons" and self._random.random() < 0.5 else self.prose()}

    def prose_in_every_field(self, answer: Answer) -> Answer:
        return {name: [self.prose()] if isinstance(value, list) else self.prose() for name, value in answer.items()}

    def prose_after_an_id(self, answer: Answer) -> Answer:
        name = self._random.choice(FIELDS)
        return answer | {name: f"{answer[name]} {self.prose()}"}

    def more_fields(self, answer: Answer) -> Answer:
        return answer | {self._random.choice(("message", "summary", "draft", "offer_id", "language")): self.prose()}

    def unknown_id(self, answer: Answer) -> Answer:
        return answer | {self._random.choice(FIELDS): f"{TRACE}_offer"}

    def same_reason_again(self, answer: Answer) -> Answer:
        return answer | {"reasons": answer["reasons"] * self._random.choice((2, 4, 5, 5000))}

    def text_for_an_id(self, answer: Answer) -> Answer:
        return answer | {self._random.choice(FIELDS): self._random.choice(self._texts)}

    def id_of_another_case(self, answer: Answer) -> Answer:
        """A sentence of the field's own kind, for whatever offer, segment, tone, topic."""
        name = self._random.choice([field for field in FIELDS if field in self._bank])
        return answer | {name: self._random.choice(list(self._bank[name]))}

    def any_ids(self, answer: Answer) -> Answer:
        return answer | {name: self._random.choice(self._ids) for name in FIELDS}

    def reasons_of_another_case(self, answer: Answer) -> Answer:
        return answer | {"reasons": self._random.sample(self._ids, 4)}

    def wrong_order(self, answer: Answer) -> Answer:
        values = [answer[name] for name in FIELDS]
        self._random.shuffle(values)
        return answer | dict(zip(FIELDS, values, strict=True))

    def look_alikes(self, answer: Answer) -> Answer:
        name = self._random.choice(FIELDS)
        changes: Sequence[Callable[[str], str]] = (
            lambda text: text.translate(LOOK_ALIKES) + "а",
            lambda text: text + self._random.choice(HIDDEN),
            lambda text: self._random.choice(HIDDEN) + text,
            lambda text: text.upper(),
            lambda text: "".join(chr(ord(each) + 0xFEE0) for each in text),
        )
        return answer | {name: self._random.choice(changes)(answer[name])}

    def nested(self, answer: Answer) -> Answer:
        name = self.field()
        inside = self._random.choice(({"id": answer[name]}, [answer[name]], [[self.prose()]], {"text": self.prose()}))
        return answer | {name: inside}

    def other_types(self, answer: Answer) -> Answer:
        return answer | {self.field(): self._random.choice((None, 7, True, 1.5, {}, []))}

    def less(self, answer: Answer) -> Answer:
        return {name: value for name, value in answer.items() if name != self.field()}

    def twice_the_same_key(self, answer: Answer) -> str:
        return json.dumps(answer)[:-1] + f', "closing": "{self.prose()}"}}'

    def around_the_json(self, answer: Answer) -> str:
        return f"{self.prose()} {json.dumps(answer)}"

    def no_json(self, answer: Answer) -> str:
        return self._random.choice((self.prose(), "", "null", "[]", json.dumps([answer]), json.dumps(answer)[:-9]))


STRATEGIES: tuple[Callable[[HostileModel, Answer], Answer | str], ...] = (
    HostileModel.fair, HostileModel.prose_in_a_field, HostileModel.prose_in_every_field, HostileModel.prose_after_an_id,
    HostileModel.more_fields, HostileModel.unknown_id, HostileModel.same_reason_again, HostileModel.text_for_an_id,
    HostileModel.id_of_another_case, HostileModel.any_ids, HostileModel.reasons_of_another_case,
    HostileModel.wrong_order, HostileModel.look_alikes, HostileModel.nested, HostileModel.other_types,
    HostileModel.less, HostileModel.twice_the_same_key, HostileModel.around_the_json, HostileModel.no_json,
)  # fmt: skip
