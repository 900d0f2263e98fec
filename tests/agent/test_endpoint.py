"""`MODEL@URL`: which server, which key, and what may not be in it."""

import pytest

from agent.policies.openai_api.endpoint import parse_endpoint
from agent.policies.openai_api.redaction import Redactor
from agent.policies.registry import open_policy
from agent.policy import PolicyError


@pytest.mark.parametrize(
    ("where", "model", "base_url"),
    [
        ("Qwen/Qwen3-VL-8B-Instruct@http://localhost:8000/v1", "Qwen/Qwen3-VL-8B-Instruct", "http://localhost:8000/v1"),
        ("qwen@2.5@http://gpu-box:8000/v1/", "qwen@2.5", "http://gpu-box:8000/v1"),
        ("m@HTTPS://Host.Example/V1", "m", "https://host.example/V1"),
        ("m@http://[::1]:8000/v1", "m", "http://[::1]:8000/v1"),
        ("m@http://h/v1/chat/completions", "m", "http://h/v1"),
        ("gpt-5-mini@openai", "gpt-5-mini", "https://api.openai.com/v1"),
        ("qwen3-vl:8b@ollama", "qwen3-vl:8b", "http://localhost:11434/v1"),
    ],
)
def test_model_and_server_are_told_apart(where: str, model: str, base_url: str) -> None:
    endpoint = parse_endpoint(where)
    assert (endpoint.model, endpoint.base_url) == (model, base_url)


@pytest.mark.parametrize("where", ["", "m", "@http://h/v1", "m@h:8000", "m@nowhere", "m@ftp://h/v1", "m@http://"])
def test_what_is_no_server_gets_an_example(where: str) -> None:
    with pytest.raises(ValueError, match="http://localhost:8000/v1"):
        parse_endpoint(where)


@pytest.mark.parametrize(
    "where",
    [
        "m@http://user:hunter2@h/v1",
        "m@https://hunter2@h/v1",
        "m@http://h/v1?key=hunter2",
        "m@http://h/v1#hunter2",
        "m@https://user:hunter2@api.openai.com/v1",
    ],
)
def test_a_secret_in_the_url_is_refused_and_not_repeated(where: str) -> None:
    with pytest.raises(ValueError, match="VIDEOSLEUTH_API_KEY") as refused:
        open_policy(f"http:{where}")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("where", "variable"),
    [
        ("m@openai", "OPENAI_API_KEY"),
        ("m@https://api.openai.com/v1", "OPENAI_API_KEY"),
        ("m@gemini", "GEMINI_API_KEY"),
        ("m@http://api.openai.com/v1", "VIDEOSLEUTH_API_KEY"),  # not encrypted: not OpenAI's
        ("m@https://api.openai.com.evil.example/v1", "VIDEOSLEUTH_API_KEY"),
        ("m@https://evil.example/api.openai.com/v1", "VIDEOSLEUTH_API_KEY"),
        ("m@ollama", "VIDEOSLEUTH_API_KEY"),
    ],
)
def test_a_key_belongs_to_its_host(where: str, variable: str) -> None:
    assert parse_endpoint(where).server.key_variable == variable


def test_a_missing_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(PolicyError, match=r"api\.openai\.com needs a key: put yours in .* OPENAI_API_KEY"):
        open_policy("http:gpt-5-mini@openai")


def test_an_adapter_is_the_servers_to_load() -> None:
    from agent.policy import PolicyOptions

    with pytest.raises(ValueError, match="loaded by the server"):
        open_policy("http:m@vllm", PolicyOptions(adapter="lora"))


def test_traces_of_a_key_are_taken_out() -> None:
    key = "sk-abcdefghijklmnop"
    assert Redactor(key).error(f"bad key {key}!") == "bad key [key]!"
    assert Redactor(key).error("bad key sk-abcdef****mnop") == "bad key [key]****mnop"
    assert Redactor(key).error("nothing here") == "nothing here"
    assert Redactor("").error("nothing here") == "nothing here"
