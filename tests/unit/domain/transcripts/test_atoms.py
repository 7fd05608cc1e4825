from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

import budoux
import pytest
import regex  # type: ignore[import-untyped]  # the package has no types
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dashscribe.domain.transcripts import graphemes
from dashscribe.domain.transcripts.atoms import Atom, atoms_of
from dashscribe.domain.transcripts.line_breaks import NEVER_FIRST, NEVER_LAST, Break
from dashscribe.domain.transcripts.phrase_words import language_of
from dashscribe.domain.transcripts.script_rules import RULES, Script, cells, script_of
from dashscribe.domain.transcripts.transcript import Word
from dashscribe.domain.transcripts.unspaced_words import word_starts
from dashscribe.domain.transcripts.word_times import TimedText
from tests.unit.domain.transcripts.speech import SAMPLES


def atoms(text: str, words: list[str] | None = None) -> list[Atom]:
    script = script_of(text)
    timed = [TimedText(n * 100, n * 100 + 100, word) for n, word in enumerate(words or [text])]
    return atoms_of(timed, words is not None, 0, RULES[script], language_of(text, script))


def texts(found: list[Atom]) -> list[str]:
    return [atom.text for atom in found]


def after(found: list[Atom]) -> dict[str, Break]:
    return {atom.text: atom.after for atom in found}


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        st.sampled_from("aéक्षिของำนี้ไम👨\u200d👩👍🏽🇧🇷5\ufe0f\u20e3각\u1112\u1161\u11ab\u0301 \r\n字あ"), max_size=12
    )
)
@example("👨‍👩‍👧‍👦🇧🇷🇧🇷5️⃣")
def test_no_grapheme_cluster_is_torn(text: str) -> None:
    ends, at = set(), 0
    for cluster in regex.findall(r"\X", text):
        at += len(cluster)
        ends.add(at)
    assert set(graphemes.boundaries(text)) <= ends


def test_clusters_of_plain_text_are_its_characters() -> None:
    assert graphemes.boundaries("abc字") == [1, 2, 3]


def test_a_conjunct_of_an_indian_script_is_one_cluster() -> None:
    """Older tables of the annex divide it."""
    assert graphemes.boundaries("क्षाक") == [4]
    assert graphemes.boundaries("क्\u200dष") == []
    assert graphemes.boundaries("कष") == [1]


def test_flags_are_pairs_of_letters() -> None:
    assert graphemes.boundaries("🇧🇷🇩🇪🇫🇷a") == [2, 4, 6]
    assert graphemes.boundaries("a🇧🇷b🇩🇪") == [1, 3, 4]


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
def test_atoms_are_the_whole_text_and_fit_a_line(text: str) -> None:
    found = atoms(text)
    assert "".join(atom.text + atom.blank for atom in found).rstrip() == text
    assert all(atom.text and atom.cells == cells(atom.text) <= RULES[script_of(text)].line_cells for atom in found)


@pytest.mark.parametrize("sample", ["chinese", "japanese", "thai"])
def test_no_atom_begins_with_a_closing_mark_or_ends_with_an_opening_one(sample: str) -> None:
    for atom in atoms(SAMPLES[sample]):
        assert atom.text[0] not in NEVER_FIRST
        assert atom.text[-1] not in NEVER_LAST


def test_latin_words_and_numbers_in_chinese_are_whole() -> None:
    joined = " ".join(texts(atoms(SAMPLES["chinese"])))
    assert "Kubernetes" in joined
    assert "3000" in joined


def test_the_vendors_words_are_the_atoms_of_chinese() -> None:
    assert texts(atoms("人工智能的应用，很好", ["人工智能", "的", "应用，", "很好"])) == [
        "人工智能",
        "的",
        "应用，",
        "很好",
    ]


def test_single_characters_from_the_vendor_do_not_tear_words() -> None:
    text = "我们使用人工智能的应用"
    assert "智" not in texts(atoms(text, list(text)))


def test_korean_breaks_at_blanks_only() -> None:
    assert texts(atoms(SAMPLES["korean"])) == SAMPLES["korean"].split()


def test_a_long_address_breaks_after_its_marks() -> None:
    found = texts(atoms("https://example.com/one/two/three?four=five&six=seven/eight/nine"))
    assert len(found) == 2
    assert found[0][-1] in "/.-_?&="


def test_a_run_of_letters_after_a_mark_is_divided_into_parts_that_fit() -> None:
    text = "a/" + "b" * 300
    pieces = texts(atoms(text))
    assert "".join(pieces) == text
    assert max(map(cells, pieces)) <= RULES[script_of(text)].line_cells


def test_a_long_compound_breaks_at_a_joint() -> None:
    found = texts(atoms("Das Grundstücksverkehrsgenehmigungszuständigkeitsübertragungsverordnungsgesetz gilt."))
    assert [part[-4:] for part in found[1:-2]] == ["ungs"] or found[1].endswith(("ungs", "keits"))


def test_a_hyphenated_word_is_whole_where_it_fits() -> None:
    assert texts(atoms("a well-known and/or half-baked idea")) == ["a", "well-known", "and/or", "half-baked", "idea"]


@pytest.mark.parametrize(
    ("text", "word", "quality"),
    [
        ("Yes. No.", "Yes.", Break.SENTENCE),
        ("Yes, no.", "Yes,", Break.CLAUSE),
        ("bread and butter", "bread", Break.PHRASE),
        ("bread and butter", "and", Break.WEAK),
        ("big house", "big", Break.WORD),
        ("about 20 km away", "20", Break.TIED),
        ("with Dr. Smith", "Dr.", Break.TIED),
        ("by J. R. Tolkien", "R.", Break.TIED),
        ("he said “stop.” Then", "“stop.”", Break.SENTENCE),
        ("er sagte „Halt.“ Dann", "„Halt.“", Break.SENTENCE),
        ("er sagte »Halt.« Dann", "sagte »Halt.«", Break.SENTENCE),
        ("das Wort „Halt“ ist kurz", "„Halt“", Break.TIED),
        ("about 12 € tickets", "€", Break.WORD),
        ("गाँव के लोग", "गाँव", Break.WEAK),
        ("최선을 다할 수 있다", "다할", Break.WEAK),
    ],
)
def test_the_quality_of_a_break(text: str, word: str, quality: Break) -> None:
    assert after(atoms(text))[word] is quality


def test_no_particle_begins_a_line_in_japanese_without_a_cost() -> None:
    assert after(atoms("課題を整理", ["課題", "を", "整理"])) | {"整理": Break.SENTENCE} == {
        "課題": Break.WEAK,
        "を": Break.WORD,
        "整理": Break.SENTENCE,
    }


def test_an_atom_inside_of_a_word_has_a_share_of_its_time() -> None:
    rules = RULES[Script.ALPHABETIC]
    found = atoms_of([TimedText(0, 1000, "aaaa bbbbb")], False, 0, rules, "en")
    assert [(atom.begin_ms, atom.end_ms) for atom in found] == [(0, 400), (500, 1000)]


def test_a_vendor_word_of_two_words_is_divided() -> None:
    assert texts(atoms("this is Alibaba", ["this is ", "Alibaba"])) == ["this", "is", "Alibaba"]
    assert Word(0, 1, "x").punctuation == ""


def test_thai_and_japanese_without_word_times_break_between_words() -> None:
    assert "อากาศ" in texts(atoms(SAMPLES["thai"]))
    assert texts(atoms("本日はお忙しいのですが")) == ["本日は", "お忙しいのですが"]


def test_thai_clusters_from_the_vendor_do_not_tear_words() -> None:
    text = "วันนี้เราจะมาพูดคุยกันเรื่องการท่องเที่ยว"
    clusters = regex.findall(r"\X", text)
    assert {"พูดคุย", "ท่องเที่ยว"} <= set(texts(atoms(text, clusters)))


@pytest.mark.parametrize(
    ("sample", "script", "load"),
    [
        ("thai", Script.SOUTH_EAST_ASIAN, budoux.load_default_thai_parser),
        ("japanese", Script.JAPANESE, budoux.load_default_japanese_parser),
        ("chinese", Script.CHINESE, budoux.load_default_simplified_chinese_parser),
        ("traditional chinese", Script.CHINESE, budoux.load_default_traditional_chinese_parser),
    ],
)
def test_words_begin_where_budoux_parts_the_text_and_nowhere_else(
    sample: str, script: Script, load: Callable[[], budoux.Parser]
) -> None:
    text = SAMPLES[sample]
    phrases = load().parse(text)
    bounds = set(accumulate(map(len, phrases))) - {len(text)}
    found = set(word_starts(text, script).possible)
    assert found == bounds if sample == "japanese" else found <= bounds


def test_traditional_chinese_breaks_between_its_words() -> None:
    found = atoms("我們要介紹的是臺灣東部最美麗的海岸線。")
    assert {"臺灣", "東部", "海岸線。"} <= set(texts(found))


def test_a_bound_inside_of_a_word_is_worse_than_those_around_it() -> None:
    text = "最大的区别在于它使用量子比特来存储"
    words = word_starts(text, Script.CHINESE)
    assert text.index("特来") not in words.sure
    assert {text.index("在于"), text.index("使用")} & words.sure
    assert words.sure < set(words.possible)


@pytest.mark.parametrize(
    ("text", "bounds_marked"),
    [
        ("ພວກເຮົາຈະມາເວົ້າກ່ຽວກັບການທ່ອງທ່ຽວໃນປະເທດລາວ", "ພວກເຮົາ|ຈະ|ມາ|ເວົ້າ|ກ່ຽວກັບ|ການທ່ອງທ່ຽວ|ໃນ|ປະເທດ|ລາວ"),
        ("ប្រាសាទនេះត្រូវបានសាងសង់នៅដើមសតវត្សរ៍ទីដប់ពីរ", "ប្រាសាទ|នេះ|ត្រូវ|បាន|សាងសង់|នៅ|ដើម|សតវត្សរ៍|ទី|ដប់ពីរ"),
        ("မုန့်ဟင်းခါးဟာနံနက်စာအဖြစ်လူကြိုက်အများဆုံးဖြစ်ပြီး", "မုန့်ဟင်းခါး|ဟာ|နံနက်စာ|အဖြစ်|လူ|ကြိုက်|အများဆုံး|ဖြစ်ပြီး"),
    ],
    ids=["lao", "khmer", "burmese"],
)  # fmt: skip
def test_lao_khmer_and_burmese_break_best_between_words(text: str, bounds_marked: str) -> None:
    words = bounds_marked.split("|")
    assert "".join(words) == text
    bounds = {sum(map(len, words[:number])) for number in range(1, len(words) + 1)}
    at, best = 0, []
    for atom in atoms(text):
        at += len(atom.text)
        best += [at] if atom.after is Break.WORD else []
    assert best
    assert set(best) <= bounds


@pytest.mark.parametrize("text", ["ເວົ້າກັນເລື່ອງໃໝ່ຂອງພວກເຮົາ", "พูดคุยกันเรื่องใหม่ของพวกเรา"])
def test_a_vowel_stays_with_its_consonant(text: str) -> None:
    found = texts(atoms(text, list(text)))
    assert all(part[-1] not in "เแโใไເແໂໃໄ" and part[0] not in "ะาະາຽ" for part in found)


def test_a_german_ordinal_ends_no_sentence() -> None:
    found = after(atoms("Das Gesetz gilt für alle ab dem 1. Januar und nicht mehr."))
    assert found["1."] is Break.WEAK
    assert (
        after(atoms("The train leaves for the city on track 9. Nobody waits for the others."))["9."] is Break.SENTENCE
    )


def test_a_long_katakana_compound_breaks_after_a_long_vowel() -> None:
    assert "コンピューター" in texts(atoms("コンピューターソフトウェアエンジニアリングサービス"))


@pytest.mark.parametrize(
    "word",
    [
        "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz",
        "„Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz!“",
        "lentokonesuihkuturbiinimoottoriapumekaanikkoaliupseerioppilas,",
        "コンピューターソフトウェアエンジニアリング",
    ],
)
def test_a_word_of_up_to_one_and_a_half_lines_is_whole(word: str) -> None:
    assert word in texts(atoms(word))


@pytest.mark.parametrize(
    "text",
    ["天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏", "😀" * 25, "a/" * 25, "กขค" * 15],
    ids=["ideographs", "emoji", "marks", "thai"],
)
def test_what_is_no_word_never_exceeds_a_line(text: str) -> None:
    limit = RULES[script_of(text)].line_cells
    assert cells(text) <= 1.5 * limit
    assert all(atom.cells <= limit for atom in atoms(text))


def test_no_line_ends_at_a_no_break_space_or_after_an_opening_guillemet() -> None:
    found = texts(atoms("Il dit : « Oui\u202f! », puis 12\u202f000\u202fkm et «\u00a0Non\u00a0»."))
    assert found == ["Il", "dit :", "« Oui\u202f! »,", "puis", "12\u202f000\u202fkm", "et", "«\u00a0Non\u00a0»."]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("我们接着上一期来讲丝绸之路上的商队", ["丝绸之路"]),
        ("我們接著上一期來講絲綢之路上的商隊", ["絲綢之路"]),
        ("几秒钟之内看完一个医生的片子", ["看完"]),
        ("ยกตัวอย่างเช่นหมู่บ้านเล็กๆทางภาคอีสาน", ["หมู่บ้าน", "ภาคอีสาน"]),
    ],
)
def test_common_words_are_whole_where_the_vendor_times_none(text: str, words: list[str]) -> None:
    found = texts(atoms(text))
    assert all(any(word in atom for atom in found) for word in words)
