"""A reply becomes a move: whatever a model sends, and without ever raising."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.rendering.reply_parser import parse_reply
from agent.trajectory import (
    Answer,
    Calls,
    Malformed,
    Question,
    Reply,
    Result,
    Step,
    ToolCall,
    Trajectory,
    Turn,
    Usage,
    VideoFacts,
    from_json,
    to_json,
)
from tools.observation import Finding, FrameRef, Observation

FACTS = VideoFacts("0" * 32, 60.0, 1280, 720)
OPEN = Trajectory(Question("v.mp4", "What?"), FACTS)
CHOICE = Trajectory(Question("v.mp4", "Where?", ("Rome", "A man", "Paris", "B. Paris")), FACTS)
EXPLAIN = Trajectory(Question("v.mp4", "Why?", task="explain"), FACTS)
PREDICT = Trajectory(Question("v.mp4", "What next?", task="predict"), FACTS)


def move(text: str, trajectory: Trajectory = OPEN, **reply: object) -> Answer | Calls | Malformed:
    return parse_reply(Reply(text, **reply), Usage(), trajectory).move  # type: ignore[arg-type]


def answered(text: str, trajectory: Trajectory = OPEN) -> Answer:
    got = move(f"<think>so</think><answer>{text}</answer>", trajectory)
    assert isinstance(got, Answer), got
    return got


def why(text: str, trajectory: Trajectory = OPEN, **reply: object) -> str:
    got = move(text, trajectory, **reply)
    assert isinstance(got, Malformed), got
    return got.why


def test_thought_and_calls_are_taken_apart() -> None:
    text = (
        "<think>I look\nthere.</think>\n"
        '<tool_call>\n{"name": "zoom", "arguments": {"seconds": 3, "box": [0, 0, 1, 1]}}\n</tool_call>\n'
        '<tool_call>{"name": "read_text", "arguments": {"seconds": 3}}</tool_call>'
    )
    turn = parse_reply(Reply(text), Usage(), OPEN)
    assert turn.thought == "I look\nthere."
    assert turn.move == Calls(
        (
            ToolCall("t1c1", "zoom", {"seconds": 3, "box": [0, 0, 1, 1]}),
            ToolCall("t1c2", "read_text", {"seconds": 3}),
        )
    )
    assert turn.reply == Reply(text)


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "zoom", "arguments": "{\\"seconds\\": 3}"}</tool_call>',
        '<tool_call>{"name": "zoom", "parameters": {"seconds": 3}}</tool_call>',
        '<tool_call>```json\n{"name": "zoom", "arguments": {"seconds": 3}}\n```</tool_call>',
        'I zoom.\n<tool_call>{"name": "zoom", "arguments": {"seconds": 3}}',
        'thinking</think><tool_call>{"name": "zoom", "arguments": {"seconds": 3}}</tool_call>',
    ],
)
def test_common_ways_of_writing_a_call_are_understood(text: str) -> None:
    got = move(text)
    assert isinstance(got, Calls)
    assert (got.calls[0].name, got.calls[0].arguments) == ("zoom", {"seconds": 3})


@pytest.mark.parametrize(
    "text",
    [
        # https://github.com/ollama/ollama/issues/13519
        '```json\n{"name": "zoom", "parameters": {"seconds": 3}}\n```',
        # https://github.com/jundot/omlx/issues/2565
        '{"name": "zoom", "arguments": {"seconds": 3}}',
        '<think>closer</think>{"name": "zoom", "arguments": "{\\"seconds\\": 3}"}',
        # https://github.com/groq/groq-typescript/issues/28
        '```\n{"tool_calls": [{"type": "function", "function": {"name": "zoom", "arguments": {"seconds": 3}}}]}\n```',
        # https://github.com/tashfeenahmed/freellmapi/pull/291
        '<function=zoom>{"seconds": 3}</function>',
        '<function=zoom={"seconds": 3}</function>',
        '[TOOL_CALLS]zoom[ARGS]{"seconds": 3}',
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.zoom:0<|tool_call_argument_begin|>"
        '{"seconds": 3}<|tool_call_end|><|tool_calls_section_end|>',
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>zoom\n```json\n"
        '{"seconds": 3}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>zoom<｜tool▁sep｜>{"seconds": 3}<｜tool▁call▁end｜>',
        '<|channel|>commentary to=functions.zoom <|constrain|>json<|message|>{"seconds": 3}<|call|>',
        "<|python_tag|>[zoom(seconds=3)]<|eom_id|>",
        "[zoom(seconds=3)]",
        "```tool_code\nzoom(seconds=3)\n```",
        "zoom(seconds=3)",
        'I look closer.\n[TOOL_CALLS][{"name": "zoom", "arguments": {"seconds": 3}}]',
        '[TOOL_CALLS][{"name": "zoom", "arguments": {"seconds": 3}}]',
        '<|python_tag|>{"name": "zoom", "parameters": {"seconds": 3}}<|eom_id|>',
    ],
)
def test_a_text_that_is_nothing_but_a_call_is_one(text: str) -> None:
    got = move(text)
    assert isinstance(got, Calls)
    assert [(call.name, call.arguments) for call in got.calls] == [("zoom", {"seconds": 3})]


@pytest.mark.parametrize(
    "text",
    [
        "<function=zoom>\n<parameter=seconds>\n3\n</parameter>\n</function>",
        "<tool_call>\n<function=zoom>\n<parameter=seconds>3</parameter>\n</function>\n</tool_call>",
        "<tool_call>zoom\n<arg_key>seconds</arg_key>\n<arg_value>3</arg_value>\n</tool_call>",
        '<function_calls><invoke name="zoom"><parameter name="seconds">3</parameter></invoke></function_calls>',
        '<minimax:tool_call>\n<invoke name="zoom">\n<parameter name="seconds">3</parameter>\n</invoke>\n'
        "</minimax:tool_call>",
    ],
)
def test_arguments_in_tags_are_read_as_text_which_the_tools_take_for_numbers(text: str) -> None:
    got = move(text)
    assert isinstance(got, Calls)
    assert [(call.name, call.arguments) for call in got.calls] == [("zoom", {"seconds": "3"})]
    assert isinstance(both := move(text + "\n" + text), Calls)
    assert len(both.calls) == 2


def test_several_bare_calls_on_end_are_several() -> None:
    # https://github.com/sgomez/ollama-ai-provider/pull/11
    got = move('{"name": "zoom", "arguments": {"seconds": 3}} {"name": "overview", "arguments": {}}')
    assert isinstance(got, Calls)
    assert [call.name for call in got.calls] == ["zoom", "overview"]


@pytest.mark.parametrize(
    "text",
    [
        'I would say {"name": "zoom", "arguments": {"seconds": 3}}',
        '{"name": "Rome"}',
        '{"name": "zoom", "arguments": {"seconds": 3}} or so',
        '[{"name": "zoom", "arguments": {}}, 3]',
        "[" * 100_000,
        "<function=zoom>later</function>",
        "<function=zoom><parameter=seconds>3",
        "<parameter=seconds>" * 20_000,
        "Rome (Italy)",
        "zoom(3)",
        "zoom(seconds=time())",
        "zoom(" * 50_000,
        "I would zoom {3}",
    ],
)
def test_a_call_beside_other_words_or_without_arguments_is_none(text: str) -> None:
    assert "neither a tool call nor" in why(text)


@pytest.mark.parametrize(
    "arguments",
    ['"{\\"seconds\\": 3}"', '"\\"{\\\\\\"seconds\\\\\\": 3}\\""', {"seconds": 3}, [{"seconds": 3}]],
)
def test_arguments_encoded_twice_or_not_at_all_are_read(arguments: object) -> None:
    calls = ({"id": "x", "type": "function", "function": {"name": "zoom", "arguments": arguments}},)
    got = move("", tool_calls=calls)
    assert isinstance(got, Calls)
    assert got.calls[0].arguments == {"seconds": 3}


def test_an_answer_in_the_thinking_counts_where_there_is_no_other() -> None:
    turn = parse_reply(Reply("", reasoning="Not <answer>Oslo</answer>.\n<answer>Rome</answer>\n"), Usage(), OPEN)
    assert isinstance(turn.move, Answer)
    assert turn.move.text == "Rome"
    assert isinstance(move("<think>It is Rome.\n<answer>Rome</answer>"), Answer)
    called = move("", reasoning='so:\n<tool_call>{"name": "a"}</tool_call>\n<tool_call>{"name": "b"}</tool_call>')
    assert isinstance(called, Calls)
    assert [call.name for call in called.calls] == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "[THINK]Oslo? <answer>Oslo</answer>[/THINK]<answer>Rome</answer>",
        "◁think▷<answer>Oslo</answer>◁/think▷<answer>Rome</answer>",
        "<thinking>maybe <answer>Oslo</answer></thinking>\n<answer>Rome</answer>",
        "<seed:think>Oslo</seed:think><answer>Rome</answer>",
        "<Think>no <answer>Oslo</answer></Think><ANSWER>Rome</ANSWER>",
        "<answer >Rome</answer >",
        "<answer>Rome</answer>\n<answer> Rome </answer>",
        '{"answer": "Rome"}',
        '```json\n{"answer": "Rome", "confidence": 0.5}\n```',
    ],
)
def test_an_answer_between_tags_of_another_family_is_one(text: str) -> None:
    got = move(text)
    assert isinstance(got, Answer)
    assert got.text == "Rome"


def test_what_an_answer_quotes_is_no_thought() -> None:
    assert answered("the sign says [THINK] twice").text == "the sign says [THINK] twice"


def test_an_answer_that_was_only_thought_of_is_none() -> None:
    assert "empty" in why("", reasoning="Maybe <answer>Oslo</answer>, or not.")
    got = move("<answer>Rome</answer>", reasoning="<answer>Oslo</answer>")
    assert isinstance(got, Answer)
    assert got.text == "Rome"


def test_native_calls_are_read_and_their_text_is_the_thought() -> None:
    calls = ({"id": "x", "type": "function", "function": {"name": "zoom", "arguments": '{"seconds": 3}'}},)
    turn = parse_reply(Reply("I zoom.", reasoning="Hm.", tool_calls=calls), Usage(), OPEN)
    assert turn.thought == "Hm.\nI zoom."
    assert turn.move == Calls((ToolCall("t1c1", "zoom", {"seconds": 3}),))


def test_tags_inside_the_thinking_are_only_thoughts() -> None:
    got = move("<think>maybe <answer>A</answer> or <tool_call>{}</tool_call>?</think><answer>Rome</answer>")
    assert isinstance(got, Answer)
    assert got.text == "Rome"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("I think it is Rome.", "neither a tool call nor"),
        ("<think>on and on", "never closed"),
        ("<think>x</think>", "empty"),
        ('<tool_call>{"name": "zoom", "arguments": {</tool_call>', "not valid JSON"),
        ('<tool_call>["zoom"]</tool_call>', "must be a JSON object"),
        ('<tool_call>{"arguments": {}}</tool_call>', '"name" and "arguments"'),
        ('<tool_call>{"name": "zoom", "arguments": [3]}</tool_call>', "must be a JSON object"),
        ('<tool_call>{"name": "a"}</tool_call><answer>Rome</answer>', "do one of the two"),
        ("<answer>Rome</answer><answer>Paris</answer>", "2 answers"),
        ("<answer></answer>", "empty"),
        ('<tool_call>{"name": "a"}</tool_call><tool_response>Rome</tool_response>', "is for tools"),
        ('<answer>{"answer": "Rome", "confidence": 7}</answer>', "confidence"),
        ('<answer>{"answer": "Rome"</answer>', "not valid JSON"),
        ('<answer>{"confidence": 0.5}</answer>', "answer: Field required"),
        ('<answer>{"answer": "\\ud800"}</answer>', "valid Unicode"),
        ('<tool_call>{"name": "a", "arguments": {"q": "\\ud800"}}</tool_call>', "valid Unicode"),
        ("<answer>" + '{"answer":' + "[" * 100_000 + "</answer>", "usable size"),
    ],
)
def test_what_can_not_be_used_says_why(text: str, reason: str) -> None:
    assert reason in why(text)


def test_a_reply_cut_off_says_so() -> None:
    assert "cut off" in why("<think>on and on", is_cut=True)
    assert "cut off" in why('<tool_call>{"name": "zo', is_cut=True)
    assert isinstance(move("<answer>Rome</answer>", is_cut=True), Answer)


@pytest.mark.parametrize(
    ("said", "option"),
    [("A", 0), ("c", 2), ("(C)", 2), ("C.", 2), ("C. Paris", 2), ("Paris", 2), ("A man", 1), ("B. Paris", 3), ("a", 0)],
)
def test_an_option_is_named_by_letter_or_text(said: str, option: int) -> None:
    assert answered(said, CHOICE).option == option
    assert answered(json.dumps({"answer": said}), CHOICE).option == option


@pytest.mark.parametrize("said", ["E", "A woman", "London", "A. Paris", "A or C", "Pari"])
def test_what_names_no_option_is_told_the_letters(said: str) -> None:
    assert "one of A, B, C, D" in why(f"<answer>{said}</answer>", CHOICE)


def test_not_shown_is_an_answer() -> None:
    assert answered("Not shown.").not_shown
    assert answered('{"answer": "not shown", "confidence": 0.7}', CHOICE).not_shown


@pytest.mark.parametrize(
    "said",
    ["not shown", "It is not shown in the video.", "It isn’t shown", "The video does not show it.", "'not shown'"],
)
def test_not_shown_is_said_in_several_ways(said: str) -> None:
    assert (answered(said).not_shown, answered(said, CHOICE).not_shown) == (True, True)


@pytest.mark.parametrize(
    "said",
    [
        "cannot tell",
        "cannot_tell",
        "I can't tell.",
        "I can’t tell: the sign is too small.",
        "Can not be determined from the video",
        "It cannot be determined.",
        "Unable to tell, because the text can't be read",
        "I don't know what it says.",
    ],
)
def test_that_it_cant_be_told_is_an_answer_that_claims_nothing(said: str) -> None:
    for found in (answered(said), answered(said, CHOICE), answered(json.dumps({"answer": said}), CHOICE)):
        assert (found.cannot_tell, found.not_shown, found.option) == (True, False, None)


def test_why_it_cant_be_told_is_kept_and_a_confidence_is_not() -> None:
    found = answered('{"answer": "cannot tell", "because": "the sign is blurred", "confidence": 0.9}', CHOICE)
    assert (found.text, found.confidence) == ("I can't tell, because the sign is blurred", None)
    assert answered("I can't tell: it is too dark.").text == "I can't tell: it is too dark."


@pytest.mark.parametrize(
    "said",
    ["is shown", "shown", "I can't tell a lie", "I can't tell for sure, but it is red", "Tell him that I cannot"],
)
def test_an_answer_that_only_sounds_so_claims_what_it_says(said: str) -> None:
    assert not answered(said).abstains
    assert answered(said).text == said


def test_a_chain_or_a_forecast_that_cant_be_told_is_no_malformed_one() -> None:
    for task in ("explain", "predict"):
        asked = replace(LOOKED, question=replace(LOOKED.question, task=task))  # type: ignore[arg-type]
        assert answered("I can't tell, because nothing is to be seen.", asked).cannot_tell


def test_numbers_are_answers() -> None:
    assert answered('{"answer": 42}').text == "42"


SEEN = Observation(
    "a sign", (FrameRef(12.5, 360, 640), FrameRef(14.0, 360, 640)), (Finding("text", 12.0, 15.0, "GATE 12 OPEN", 0.9),)
)
LOOKED = Trajectory(
    Question("v.mp4", "What?"),
    FACTS,
    steps=(Step(Turn("", Calls((ToolCall("t1c1", "read_text", {"seconds": 12.5}),))), (Result("t1c1", SEEN),)),),
)


def test_evidence_gets_the_frames_and_the_source_that_are_on_record() -> None:
    sheet = {"answer": "open", "evidence": [{"start": 12, "stop": 13, "calls": ["t1c1"], "quote": "gate 12"}]}
    (item,) = answered(json.dumps(sheet), LOOKED).evidence
    assert item.call_ids == ("t1c1",)
    assert [frame.seconds for frame in item.frames] == [12.5]
    assert item.source == "screen text"
    assert item.note == ""


def test_a_claim_without_a_call_finds_the_calls_that_showed_it() -> None:
    (item,) = answered('{"answer": "open", "evidence": [{"start": 12, "stop": 13}]}', LOOKED).evidence
    assert item.call_ids == ("t1c1",)


def test_false_claims_are_kept_and_said_to_be_false() -> None:
    sheet = {"answer": "open", "evidence": [{"start": 40, "stop": 90, "calls": ["t9c9"], "quote": "closed for ever"}]}
    (item,) = answered(json.dumps(sheet), LOOKED).evidence
    assert (item.start_seconds, item.stop_seconds) == (40.0, 60.0)
    assert item.call_ids == ()
    for doubt in ("t9c9, which is no call", "no tool brought these words", "nothing was looked at here"):
        assert doubt in item.note


def test_an_explanation_is_a_chain_with_evidence() -> None:
    steps = [
        {"event": "rain", "start": 1, "stop": 2},
        {"event": "mud", "because": "of the rain", "start": 3, "stop": 4},
    ]
    answer = answered(json.dumps({"summary": "It rains.", "steps": steps}), EXPLAIN)
    assert answer.text == "It rains."
    assert [(link.event, link.because) for link in answer.chain] == [("rain", ""), ("mud", "of the rain")]
    assert [link.evidence[0].start_seconds for link in answer.chain] == [1.0, 3.0]


def test_predictions_are_three_at_most_and_the_likeliest_first() -> None:
    given_ = [{"event": str(c), "justification": "seen", "confidence": c} for c in (0.1, 0.7, 0.3, 0.2)]
    answer = answered(json.dumps({"predictions": given_}), PREDICT)
    assert [p.confidence for p in answer.predictions] == [0.7, 0.3, 0.2]
    assert (answer.text, answer.confidence) == ("0.7", 0.7)


def test_plain_words_are_no_prediction() -> None:
    assert "not valid JSON" in why("<answer>it goes on</answer>", PREDICT)


_TAGS = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<answer>", "</answer>", "<tool_response>")
_VALUES = ('{"name": "a"}', '{"answer": "x"}', '{"answer": 1e999}', '"\\udfff"', "NaN", "null", "A", "9" * 5000)
_TOKENS = st.sampled_from((*_TAGS, *_VALUES, "{", "}", "[", "\ud800"))


@given(st.lists(_TOKENS | st.text(max_size=8), max_size=12).map("".join), st.booleans())
def test_reading_never_raises_and_the_turn_can_be_saved(text: str, is_cut: bool) -> None:
    for start in (OPEN, CHOICE, EXPLAIN, PREDICT):
        turn = parse_reply(Reply(text, is_cut=is_cut), Usage(), start)
        saved = Trajectory(start.question, FACTS, steps=(Step(turn),))
        assert from_json(to_json(saved)) == saved


SHOWN = replace(
    OPEN,
    steps=(
        Step(
            Turn("", Calls((ToolCall("t1c1", "zoom", {}),))),
            (Result("t1c1", Observation("", (FrameRef(3.0, 360, 640), FrameRef(9.0, 360, 640)))),),
        ),
    ),
)


def test_each_claim_of_an_answer_has_its_own_evidence_which_is_the_answers_too() -> None:
    claims = [
        {"claim": "a man waves", "start": 2, "stop": 4, "calls": ["t1c1"]},
        {"statement": "a dog barks", "evidence": [{"start": 8, "stop": 10, "calls": ["t1c1"]}]},
    ]
    got = answered(json.dumps({"answer": "a man waves, a dog barks", "claims": claims}), SHOWN)
    assert [claim.text for claim in got.claims] == ["a man waves", "a dog barks"]
    assert [[e.frames[0].seconds for e in claim.evidence] for claim in got.claims] == [[3.0], [9.0]]
    assert got.evidence == (*got.claims[0].evidence, *got.claims[1].evidence)
    run = replace(SHOWN, steps=(*SHOWN.steps, Step(Turn("", got))))
    assert from_json(to_json(run)) == run


@pytest.mark.parametrize(
    "claims", [None, "two", {"claim": "x"}, [1, "x", {}, {"claim": ""}, {"claim": "x", "start": "?"}]]
)
def test_claims_that_do_not_fit_cost_no_answer(claims: object) -> None:
    assert answered(json.dumps({"answer": "a dog", "claims": claims})) == Answer("a dog")


def test_a_step_and_a_prediction_may_rest_on_several_things() -> None:
    evidence = [{"start": 2, "stop": 4, "calls": ["t1c1"]}, {"start": 8, "stop": 10, "calls": ["t1c1"]}, {"start": "?"}]
    steps = [{"event": "he waves", "evidence": evidence}]
    (link,) = answered(json.dumps({"summary": "so", "steps": steps}), replace(SHOWN, question=EXPLAIN.question)).chain
    assert [item.start_seconds for item in link.evidence] == [2, 8]


@pytest.mark.parametrize(
    ("policy", "box", "wanted"),
    [
        ("http:any@url", {"box": [0.1, 0.2, 0.5, 0.6]}, (0.1, 0.2, 0.5, 0.6)),
        ("http:any@url", {"bbox": [0.1, 0.2, 0.5, 1.02]}, (0.1, 0.2, 0.5, 1.0)),
        # pixels of the picture it was sent, 640x360
        ("http:Qwen2.5-VL-7B-Instruct@url", {"bbox_2d": [64, 72, 320, 216]}, (0.1, 0.2, 0.5, 0.6)),
        ("transformers:Qwen/Qwen3-VL-8B-Instruct", {"bbox_2d": [100, 200, 500, 600]}, (0.1, 0.2, 0.5, 0.6)),
        ("http:internvl3@url", {"box": [100, 200, 500, 600]}, (0.1, 0.2, 0.5, 0.6)),
        # top before left
        ("http:gemini-3-flash@google", {"box_2d": [200, 100, 600, 500]}, (0.1, 0.2, 0.5, 0.6)),
        ("http:any@url", {"box": [64, 72, 320, 216]}, None),
        ("http:any@url", {"box": [0.5, 0.2, 0.5, 0.6]}, None),
        ("http:any@url", {"box": [0.1, 0.2, 0.5]}, None),
        ("http:any@url", {"box": "left"}, None),
        ("http:any@url", {"box": [0.1, 0.2, 0.5, float("inf")]}, None),
    ],
)
def test_a_box_is_read_on_the_scale_of_its_family_and_is_none_where_that_is_not_known(
    policy: str, box: dict[str, object], wanted: tuple[float, ...] | None
) -> None:
    text = json.dumps({"answer": "a dog", "evidence": [{"start": 3, "stop": 3, "calls": ["t1c1"], **box}]})
    (item,) = answered(text, replace(SHOWN, policy=policy)).evidence
    assert item.box == (None if wanted is None else pytest.approx(wanted))
    assert ("scale that is not known" in item.note) is (box == {"box": [64, 72, 320, 216]})


def test_a_box_in_pixels_of_a_close_up_is_put_into_the_whole_frame() -> None:
    close = FrameRef(3.0, 180, 320, (0.5, 0.5, 1.0, 1.0))
    seen = replace(SHOWN.steps[0], results=(Result("t1c1", Observation("", (close,))),))
    text = json.dumps({"answer": "x", "evidence": [{"start": 3, "stop": 3, "bbox_2d": [0, 0, 160, 90]}]})
    (item,) = answered(text, replace(SHOWN, steps=(seen,), policy="http:qwen2.5-vl@url")).evidence
    assert item.box == (0.5, 0.5, 0.75, 0.75)
