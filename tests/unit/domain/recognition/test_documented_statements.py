"""Facts of the vendor's guides and references, written by hand from the pages (docs/vendor-api.md#statements).

The sources S1 to S4 are those of docs/vendor-api.md#sources.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from dashscribe.adapters.dashscope_http import DashScopeHttp
from dashscribe.domain.jobs.timeouts import RESULTS_LIVE
from dashscribe.domain.recognition.catalogue import CATALOGUE, FAMILIES, Endpoint, Region, region_of
from dashscribe.domain.recognition.media import Media, refusal
from dashscribe.domain.recognition.option_resolution import MODEL_KEY, PARAMETERS_KEY
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.requests import build_recognition_request, build_task_request
from dashscribe.domain.recognition.synchronous_replies import read_recognition
from dashscribe.domain.recognition.task_replies import TaskReply
from dashscribe.domain.transcripts.transcript import neutral
from dashscribe.domain.transcripts.vendor_result import VendorResult
from dashscribe.errors import InvalidOptions, VendorError
from tests.unit.domain.recognition.resolving import FILETRANS, FLASH, FUN_FLASH, resolve

BEIJING, INTERNATIONAL, US = Region.BEIJING, Region.INTERNATIONAL, Region.US
BOTH = {INTERNATIONAL, BEIJING}
FUN_ASR = ("fun-asr", "fun-asr-2025-11-07", "fun-asr-2025-08-25", "fun-asr-mtl", "fun-asr-mtl-2025-08-25")
PARAFORMER = ("paraformer-v2", "paraformer-8k-v2")
FORMATS = "aac amr avi flac flv m4a mkv mov mp3 mp4 mpeg ogg opus wav webm wma wmv".split()
INTL, MAINLAND, USA = (f"https://dashscope{name}.aliyuncs.com" for name in ("-intl", "", "-us"))
SIGNED = "https://m.s3.us-east-1.amazonaws.com/a.wav?X-Amz-Signature=1"


# models


@pytest.mark.parametrize("model", FUN_ASR)
def test_the_five_models_of_fun_asr_are_tasks_of_a_hundred_files_in_both_regions(model: str) -> None:
    spec = CATALOGUE[model]
    assert (spec.family, spec.is_synchronous, spec.max_files_per_task) == ("fun-asr", False, 100)
    assert set(spec.regions) == BOTH
    assert dict(spec.usd_per_second) == {INTERNATIONAL: 0.000035, BEIJING: 0.000032}
    assert (spec.submit_requests_per_second, spec.has_documented_rate) == (10, True)


@pytest.mark.parametrize("model", PARAFORMER)
def test_paraformer_v2_models_are_tasks_of_a_hundred_files_in_beijing(model: str) -> None:
    spec = CATALOGUE[model]
    assert (spec.family, spec.is_synchronous, spec.max_files_per_task) == ("paraformer", False, 100)
    assert set(spec.regions) == {BEIJING}
    assert dict(spec.usd_per_second) == {BEIJING: 0.000012}
    assert (spec.submit_requests_per_second, spec.has_documented_rate) == (20, True)


def test_fun_asr_flash_is_one_call_of_five_minutes() -> None:
    spec = CATALOGUE[FUN_FLASH]
    assert (spec.is_synchronous, spec.max_files_per_task, spec.max_duration_seconds) == (True, 1, 5 * 60)
    assert spec.endpoints == (Endpoint.DASHSCOPE,)
    assert spec.price(INTERNATIONAL) == 0.000035


def test_qwen3_asr_flash_has_two_endpoints_and_filetrans_has_tasks_of_one_file() -> None:
    assert set(CATALOGUE[FLASH].endpoints) == {Endpoint.DASHSCOPE, Endpoint.OPENAI}
    assert (CATALOGUE[FLASH].is_synchronous, CATALOGUE[FLASH].max_size_bytes) == (True, 10 * 1024**2)
    filetrans = CATALOGUE[FILETRANS]
    assert (filetrans.is_synchronous, filetrans.max_files_per_task, filetrans.endpoints) == (False, 1, ())
    assert set(filetrans.regions) == set(CATALOGUE[FLASH].regions) == BOTH


def test_the_us_has_a_model_of_its_own_on_dashscopes_endpoint() -> None:
    spec = CATALOGUE["qwen3-asr-flash-us"]
    assert (set(spec.regions), spec.endpoints) == ({US}, (Endpoint.DASHSCOPE,))


def test_the_catalogue_says_what_the_models_are_for() -> None:
    notes = {name: spec.note for name, spec in CATALOGUE.items()}
    assert {name for name, note in notes.items() if "singing" in note} == {"fun-asr", "fun-asr-2025-11-07"}
    assert {name for name, note in notes.items() if "far speakers" in note} == {"fun-asr", "fun-asr-2025-11-07"}
    assert notes["fun-asr"].startswith("the stable name of fun-asr-2025-11-07;")
    assert notes["fun-asr-mtl"].startswith("the stable name of fun-asr-mtl-2025-08-25; the vendor recommends fun-asr")
    assert "8 kHz" in notes["paraformer-8k-v2"]


# hosts and endpoints


@pytest.mark.parametrize(
    ("host", "region"), [(INTL, INTERNATIONAL), (MAINLAND, BEIJING), (USA, US)], ids=["Singapore", "Beijing", "US"]
)
def test_each_region_has_its_host(host: str, region: Region) -> None:
    assert region_of(host) is region


@pytest.mark.parametrize("base", [INTL, MAINLAND])
def test_a_submission_and_a_query_go_to_the_documented_addresses(base: str) -> None:
    sent: list[tuple[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.method, str(request.url)))
        return httpx.Response(200, json={"request_id": "r", "output": {"task_id": "t-1", "task_status": "PENDING"}})

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        vendor = DashScopeHttp(client, base, lambda: "sk-test")
        for model in ("fun-asr", FILETRANS):
            vendor.submit(CATALOGUE[model], [SIGNED], {})
        vendor.query("t-1")
    assert sent == [("POST", f"{base}/api/v1/services/audio/asr/transcription")] * 2 + [
        ("GET", f"{base}/api/v1/tasks/t-1")
    ]


@pytest.mark.parametrize(
    ("base", "model", "endpoint", "path"),
    [
        (INTL, FUN_FLASH, "dashscope", "/api/v1/services/aigc/multimodal-generation/generation"),
        (INTL, FLASH, "dashscope", "/api/v1/services/aigc/multimodal-generation/generation"),
        (MAINLAND, FLASH, "dashscope", "/api/v1/services/aigc/multimodal-generation/generation"),
        (USA, "qwen3-asr-flash-us", "dashscope", "/api/v1/services/aigc/multimodal-generation/generation"),
        (INTL, FLASH, "openai", "/compatible-mode/v1/chat/completions"),
        (MAINLAND, FLASH, "openai", "/compatible-mode/v1/chat/completions"),
    ],
)
def test_a_call_goes_to_the_documented_address(base: str, model: str, endpoint: str, path: str) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"output": {"text": "Hello."}})

    options = Options(profile="p", model=model, parameters={}, endpoint=Endpoint(endpoint))
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        DashScopeHttp(client, base, lambda: "sk-test").transcribe(options, SIGNED, "wav")
    [request] = sent
    assert (request.method, str(request.url)) == ("POST", base + path)
    assert request.headers["authorization"] == "Bearer sk-test"
    assert request.headers["content-type"] == "application/json"


# files


@pytest.mark.parametrize("extension", FORMATS)
def test_each_documented_format_is_accepted_and_named_in_the_request(extension: str) -> None:
    media = Media(bucket="media", key=f"talk.{extension}", size_bytes=1)
    assert refusal(media) is None
    options = Options(profile="p", model=FUN_FLASH, parameters={}, endpoint=Endpoint.DASHSCOPE)
    assert build_recognition_request(options, SIGNED, media.format).body["parameters"] == {"format": extension}


@pytest.mark.parametrize("model", [*FUN_ASR, *PARAFORMER, FILETRANS])
def test_a_file_of_a_task_may_have_two_gigabytes_and_twelve_hours(model: str) -> None:
    assert CATALOGUE[model].max_size_bytes == 2 * 1024**3
    assert CATALOGUE[model].max_duration_seconds == 12 * 3600


# languages


def codes(text: str) -> set[str]:
    return set(text.split())


S1_LANGUAGES = codes("zh en ja ko vi id th ms tl ar bg hr cs da nl et fi el hi hu ga lv lt mt pl pt ro sk sl sv")
"""The languages of fun-asr and fun-asr-mtl that S1 names, as codes of S2."""
S2_LANGUAGES = {
    "fun-asr": codes("zh en ja"),
    "fun-asr-2025-11-07": codes("zh en ja"),
    "fun-asr-2025-08-25": codes("zh en"),
    "fun-asr-mtl": S1_LANGUAGES,
    "fun-asr-mtl-2025-08-25": S1_LANGUAGES,
}
QWEN3_LANGUAGES = codes("zh yue en ja de ko ru fr pt ar it es hi id th tr uk vi cs da fil fi is ms no pl sv")
PARAFORMER_LANGUAGES = codes("zh yue en ja ko de fr ru")


def test_fun_asr_accepts_the_languages_of_every_page_and_doubts_those_that_one_page_lacks() -> None:
    for model, of_reference in S2_LANGUAGES.items():
        spec = CATALOGUE[model]
        languages = set(spec.languages or ())
        if model == "fun-asr-2025-08-25":
            assert (languages, set(spec.disputed_languages)) == (of_reference, set())
        else:
            assert languages >= of_reference | S1_LANGUAGES
            assert spec.disputed_languages >= languages - (of_reference & S1_LANGUAGES)
            assert not spec.disputed_languages & codes("zh en ja")


@pytest.mark.parametrize("model", [FLASH, FILETRANS, "qwen3-asr-flash-us"])
def test_qwen3_asr_has_the_documented_languages(model: str) -> None:
    assert set(CATALOGUE[model].languages or ()) == QWEN3_LANGUAGES


def test_paraformer_v2_has_the_documented_languages_and_the_8_khz_model_takes_no_code() -> None:
    assert set(CATALOGUE["paraformer-v2"].languages or ()) == PARAFORMER_LANGUAGES
    assert CATALOGUE["paraformer-8k-v2"].languages == ()


# parameters


@pytest.mark.parametrize(
    ("model", "defaults"),
    [
        ("fun-asr", {"channel_id": "([0])", "diarization_enabled": "(false)", "language_hints": "(detected)"}),
        ("paraformer-v2", {"channel_id": "([0])", "disfluency_removal_enabled": "(false)"}),
        (
            FILETRANS,
            {"channel_id": "([0])", "enable_itn": "(false)", "enable_words": "(false)", "language": "(detected)"},
        ),
        (FLASH, {"asr_options": "`enable_itn`: numbers as digits, zh and en only (false)"}),
    ],
)
def test_a_default_is_left_to_the_vendor_and_described(model: str, defaults: dict[str, str]) -> None:
    spec = CATALOGUE[model]
    assert spec.parameters().to_request_parameters() == {}
    for name, default in defaults.items():
        assert default in str(spec.parameters.model_fields[name].description)


@pytest.mark.parametrize("model", [*FUN_ASR, *PARAFORMER])
@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"channel_id": [0, 1]}, {"channel_id": [0, 1]}),
        ({"vocabulary_id": "vocab-Xxxx"}, {"vocabulary_id": "vocab-Xxxx"}),
        ({"diarization_enabled": True, "speaker_count": 2}, {"diarization_enabled": True, "speaker_count": 2}),
        ({"disfluency_removal_enabled": True}, {"disfluency_removal_enabled": True}),
        (
            {"special_word_filter": {"filter_with_signed": {"word_list": ["test"]}, "system_reserved_filter": True}},
            {"special_word_filter": '{"filter_with_signed": {"word_list": ["test"]}, "system_reserved_filter": true}'},
        ),
        (
            {"special_word_filter": {"filter_with_empty": {"word_list": ["start"]}}},
            {"special_word_filter": '{"filter_with_empty": {"word_list": ["start"]}}'},
        ),
    ],
    ids=["channels", "hotwords", "speakers", "filler words", "replaced words", "removed words"],
)
def test_a_documented_parameter_of_a_task_is_sent_by_its_name(
    model: str, given: dict[str, Any], sent: dict[str, Any]
) -> None:
    options = resolve({MODEL_KEY: model, PARAMETERS_KEY: json.dumps(given)}, region=BEIJING)
    assert build_task_request(options.spec, [SIGNED], options.parameters).body["parameters"] == sent


@pytest.mark.parametrize(
    ("model", "switch", "languages"),
    [
        (FILETRANS, "enable_itn", codes("zh en")),
        (FILETRANS, "enable_words", codes("zh en ja ko de fr es it pt ru")),
        (FLASH, "enable_itn", codes("zh en")),
    ],
)
def test_a_switch_is_accepted_with_its_languages_and_no_other(model: str, switch: str, languages: set[str]) -> None:
    def is_accepted(code: str) -> bool:
        given: dict[str, Any] = {"language": code, switch: True}
        parameters = {"asr_options": given} if model == FLASH else given
        try:
            return bool(resolve({MODEL_KEY: model, PARAMETERS_KEY: json.dumps(parameters)}))
        except InvalidOptions:
            return False

    assert {code for code in QWEN3_LANGUAGES if is_accepted(code)} == languages


@pytest.mark.parametrize("model", [*FUN_ASR, *PARAFORMER])
def test_what_is_always_on_has_no_switch(model: str) -> None:
    """Inverse text normalization, punctuation, the times of sentences, voice activity detection, noise rejection."""
    switches = codes("enable_itn enable_words enable_punctuation enable_timestamp enable_vad enable_noise_rejection")
    assert not switches & CATALOGUE[model].parameters.model_fields.keys()


def test_language_hints_are_sent_where_the_pages_have_them() -> None:
    with_hints = {name for name, spec in CATALOGUE.items() if "language_hints" in spec.parameters.model_fields}
    assert with_hints & {*FUN_ASR, *PARAFORMER} == {*FUN_ASR, "paraformer-v2"}
    assert "speech_noise_threshold" in CATALOGUE["fun-asr"].parameters.model_fields


# context


@pytest.mark.parametrize(
    "text",
    [
        "Bulge Bracket, Boutique, Middle Market",
        "Bulge Bracket Boutique Middle Market",
        "['Bulge Bracket', 'Boutique', 'Middle Market']",
        "Investment banks fall into four categories.\nBulge Bracket, Boutique, Middle Market",
        "Wang Haoxuan, Li Zihan; x#9 ~~ zzz",
    ],
    ids=["commas", "blanks", "a list", "a sentence and a list", "irrelevant text"],
)
def test_a_context_of_any_form_is_sent_unchanged_before_the_audio(text: str) -> None:
    options = resolve({MODEL_KEY: FUN_FLASH, PARAMETERS_KEY: json.dumps({"context": text})})
    first, audio = build_recognition_request(options, SIGNED, "wav").body["input"]["messages"]
    assert first == {"role": "user", "content": [{"type": "input_text", "text": text}]}
    assert audio["content"][0]["type"] == "input_audio"


def test_of_the_fun_asr_models_only_flash_takes_a_context() -> None:
    with_context = {name for name, spec in CATALOGUE.items() if "context" in spec.parameters.model_fields}
    assert with_context & {*FUN_ASR, *PARAFORMER, FUN_FLASH} == {FUN_FLASH}


# replies


@pytest.mark.parametrize(
    ("status", "is_over"),
    [("PENDING", False), ("RUNNING", False), ("SUCCEEDED", True), ("FAILED", True), ("UNKNOWN", True)],
)
def test_each_documented_status_of_a_task_is_understood(status: str, is_over: bool) -> None:
    reply = TaskReply.model_validate({"output": {"task_id": "t", "task_status": status}})
    assert (reply.output.task_status, reply.output.is_over) == (status, is_over)


@pytest.mark.parametrize("emotion", ["surprised", "neutral", "happy", "sad", "disgusted", "angry", "fearful"])
def test_each_documented_emotion_is_kept(emotion: str) -> None:
    sentence = {"begin_time": 0, "end_time": 900, "text": "Hi.", "language": "en", "emotion": emotion}
    result = VendorResult.model_validate({"transcripts": [{"channel_id": 0, "text": "Hi.", "sentences": [sentence]}]})
    note = {"type": "audio_info", "language": "zh", "emotion": emotion}
    message = {"role": "assistant", "content": "Hi.", "annotations": [note]}
    call = read_recognition({"choices": [{"finish_reason": "stop", "index": 0, "message": message}]})
    for found in (result, call):
        transcript = neutral(found, job_id="j", model="m", media="s3://media/a.wav")
        assert transcript.channels[0].sentences[0].emotion == emotion


def test_a_choice_is_finished_or_cut_off_as_documented() -> None:
    def chunk(reason: str | None, content: str) -> dict[str, Any]:
        return {"choices": [{"index": 0, "finish_reason": reason, "delta": {"content": content}}]}

    assert read_recognition({"frames": [chunk(None, "Hel"), chunk(None, "lo."), chunk("stop", "")]}).channels[0].text
    with pytest.raises(VendorError, match="ended the text early"):
        read_recognition({"frames": [chunk(None, "Hel"), chunk("length", "")]})


def test_results_live_for_a_day() -> None:
    assert timedelta(hours=24) == RESULTS_LIVE


def test_each_family_of_the_pages_has_a_template() -> None:
    assert {"fun-asr", "fun-asr-flash", "paraformer", "qwen3-asr-flash", "qwen3-asr-filetrans"} <= FAMILIES.keys()
