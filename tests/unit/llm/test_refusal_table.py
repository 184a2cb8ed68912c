"""What each status, code and message means, without a server: every row of the table, and the bounds between rows."""

from __future__ import annotations

import json

import pytest

from vigie_llm.refusals import Concerns, judge, judge_error_body

BY_STATUS = {
    (Concerns.ACCOUNT, "invalid_api_key"): {401},
    (Concerns.ACCOUNT, "billing_not_active"): {402},
    (Concerns.ACCOUNT, "permission_denied"): {403, 451},
    (Concerns.ACCOUNT, "wrong_address"): {*range(300, 400), 404, 405, 406, 410, 411, 415, 426},
    (Concerns.ACCOUNT, "proxy_refused"): {407},
    (Concerns.ACCOUNT, "not_an_api"): {511},
    (Concerns.LENGTH, "request_too_large"): {413},
    (Concerns.MINUTE, "rate_limit_exceeded"): {429},
    (Concerns.MINUTE, "capacity_exceeded"): {498},
    (Concerns.MOMENT, "server_error"): {408, 409, 421, 423, 424, 425, 499, *range(500, 511), *range(512, 600)},
}


def body(**fields: object) -> bytes:
    return json.dumps({"error": fields}).encode()


@pytest.mark.parametrize("status", range(300, 600))
def test_every_status_without_a_word_has_its_meaning(status: int) -> None:
    expected = next((key for key, those in BY_STATUS.items() if status in those), (Concerns.CALL, "refused"))
    found = judge(status, b"")
    assert (found.concerns, found.code) == expected


@pytest.mark.parametrize(
    ("status", "inside", "code"),
    [
        (400, 401, "invalid_api_key"),  # a gateway that passes an upstream's refusal on
        (500, 401, "invalid_api_key"),
        (502, 429, "rate_limit_exceeded"),
        (599, 404, "wrong_address"),
        (500, 400, "server_error"),  # "bad request" inside is no news
        (400, 400, "refused"),
        (422, 401, "refused"),  # a status of its own is believed
        (429, 401, "rate_limit_exceeded"),
        (401, 500, "invalid_api_key"),
    ],
)
def test_a_status_inside_the_body_counts_for_a_gateway_only(status: int, inside: int, code: str) -> None:
    assert judge(status, body(code=inside, message="error")).code == code


@pytest.mark.parametrize(
    ("message", "statuses", "code"),
    [
        ("the prompt is too long", {400, 422}, "context_length_exceeded"),
        ("exceeds the context window", {400, 422}, "context_length_exceeded"),
        ("The model llama-x does not exist", {400, 404}, "model_not_found"),
        ("API key not valid", {400}, "invalid_api_key"),
        ("response_format is not supported", {400, 404, 422}, "no_json_schema"),
    ],
)
def test_a_message_counts_with_the_statuses_that_servers_send_it_with(
    message: str, statuses: set[int], code: str
) -> None:
    plain = {status: judge(status, b"").code for status in range(400, 600)}
    for status in range(400, 600):
        found = judge(status, body(message=message)).code
        assert found == (code if status in statuses else plain[status]), status


def test_a_format_is_refused_by_a_message_that_says_so_and_not_by_one_that_mentions_it() -> None:
    assert judge(400, body(message="the response_format was applied")).code == "refused"
    assert judge(400, body(message="this is not supported")).code == "refused"
    assert judge(400, body(param="response_format", message="")).code == "no_json_schema"


@pytest.mark.parametrize(
    "code", ["billing_limit", "monthly_quota", "no_credit", "account_deactivated", "suspended_org"]
)
def test_a_code_that_speaks_of_money_concerns_the_account(code: str) -> None:
    assert judge(400, body(code=code)).code == "insufficient_quota"


def choice(**fields: object) -> dict[str, object]:
    return {"choices": [fields]}


@pytest.mark.parametrize(
    ("parsed", "code"),
    [
        ({"error": {"code": "model_not_found"}}, "model_not_found"),
        ({"error": {"message": "upstream"}}, "server_error"),
        ({"error": {"code": 429}}, "rate_limit_exceeded"),
        ({"errors": [{"code": "invalid_api_key"}]}, "invalid_api_key"),
        (choice(error={"code": 401}), "invalid_api_key"),
        (choice(finish_reason="error"), "server_error"),
        (choice(finish_reason="eos", message={"content": "{}"}), None),
        (choice(finish_reason="stop", message={"content": "{}"}), None),
        (choice(errors=["a word of the model's"], message={"content": "{}"}), None),
        ({"error": None}, None),
        ([], None),
        ("error", None),
    ],
)
def test_an_error_inside_a_200_is_one_only_where_the_body_says_so(parsed: object, code: str | None) -> None:
    found = judge_error_body(parsed)
    assert (found.code if found else None) == code


def test_a_context_message_inside_a_200_is_not_believed_without_a_status() -> None:
    """A 200 has no status of the lists above: its message alone means a passing fault."""
    found = judge_error_body({"error": {"message": "the prompt is too long"}})
    assert found is not None
    assert found.concerns is Concerns.MOMENT
