"""Error bodies, as the servers write them."""

import pytest

from veneer_providers_openai.complaints import Complaint, read_complaint, read_plain_complaint

NOTHING = Complaint()


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        pytest.param(
            {"error": {"message": "m", "type": "t", "param": "p", "code": "c"}},
            Complaint("m", "t", "c", "p", is_of_the_api=True),
            id="OpenAI, Veneer",
        ),
        pytest.param(
            {"error": {"message": "m", "type": "NotFoundError", "param": None, "code": 404}},
            Complaint("m", "NotFoundError", status=404, is_of_the_api=True),
            id="vLLM",
        ),
        pytest.param(
            {"object": "error", "message": "m", "type": "BadRequestError", "code": 400},
            Complaint("m", "BadRequestError", status=400, is_of_the_api=True),
            id="older vLLM",
        ),
        pytest.param(
            {"error": {"message": "m", "type": "api_error", "param": None, "code": None}},
            Complaint("m", "api_error", is_of_the_api=True),
            id="Ollama",
        ),
        pytest.param(
            [{"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}],
            Complaint("m", status=400, is_of_the_api=True),
            id="Gemini",
        ),
        pytest.param({"error": "m"}, Complaint("m"), id="Ollama's own API"),
        pytest.param(
            {"error": {"message": "m", "type": "None", "param": "None", "code": "400"}},
            Complaint("m", "None", None, "None", 400, is_of_the_api=True),
            id="LiteLLM",
        ),
        pytest.param({"detail": "Not Found"}, Complaint("Not Found"), id="FastAPI"),
        pytest.param(
            {"detail": [{"loc": ["body"], "msg": "a"}, {"msg": "b"}, "odd"]},
            Complaint("body: a; b; odd"),
            id="FastAPI's validation",
        ),
        pytest.param({"detail": {"message": "m", "code": "c"}}, Complaint("m"), id="FastAPI's own"),
        pytest.param(
            {
                "object": "error",
                "message": {"detail": [{"loc": ["body", "stop", 0], "msg": "m"}]},
                "type": "invalid_request_error",
            },
            Complaint("body.stop.0: m", "invalid_request_error", is_of_the_api=True),
            id="Mistral",
        ),
        pytest.param({"errors": [{"message": "m", "code": 7}]}, Complaint("m"), id="Cloudflare"),
        pytest.param({"errors": ["a", "b"]}, Complaint("a; b"), id="texts"),
        pytest.param({"Message": "m"}, Complaint("m"), id="AWS"),
        pytest.param({"error": None, "detail": "m"}, Complaint("m"), id="no error but a detail"),
        pytest.param({"message": "m"}, Complaint("m"), id="other frameworks"),
        pytest.param({"error": {"code": 7}}, NOTHING, id="no message"),
        pytest.param({"error": {"message": 7}}, NOTHING, id="a number for a message"),
        pytest.param({"detail": {}}, NOTHING, id="an odd detail"),
        pytest.param({"detail": []}, NOTHING, id="an empty detail"),
        pytest.param({"detail": [{"loc": [], "msg": 7}, 7]}, NOTHING, id="a detail of numbers"),
        pytest.param({"msg": "ok"}, NOTHING, id="what some say of all that is well"),
        pytest.param([{"error": "m"}, {}], NOTHING, id="a list of more"),
        pytest.param([{"message": "m"}], NOTHING, id="a list of something else"),
        pytest.param({}, NOTHING, id="empty"),
        pytest.param("text", NOTHING, id="a text"),
        pytest.param(None, NOTHING, id="null"),
    ],
)
def test_it_is_read_from(document: object, complaint: Complaint) -> None:
    assert read_complaint(document) == complaint


@pytest.mark.parametrize("code", [399, 600, -404, True, 404.0, "4040", [404], 10**30])
def test_a_code_that_is_no_status_of_a_failure_is_none(code: object) -> None:
    assert read_complaint({"error": {"message": "m", "code": code}}).status is None


def test_words_without_end_are_cut() -> None:
    complaint = read_complaint({"error": {"message": "m" * 100_000, "code": "c" * 100_000}})

    assert len(complaint.message or "") == 8000
    assert len(complaint.code or "") == 8000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no healthy upstream", "no healthy upstream"),
        (" upstream\r\n  overloaded\n", "upstream overloaded"),
        ("m" * 500, "m" * 500),
        ("m" * 501, None),
        ("\0\ufffd", None),
        (" \n", None),
    ],
)
def test_a_short_text_is_a_reason(text: str, message: str | None) -> None:
    assert read_plain_complaint(text) == Complaint(message)
