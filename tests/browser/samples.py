"""Transcripts for the browser tests: an interview, Chinese, Arabic, 12 hours, a hostile one, one without times."""

from __future__ import annotations

import io
import math
import random
import struct
import wave

from dashscribe.domain.transcripts.transcript import Channel, Sentence, Transcript, Word

SENTENCE_PAUSE_MS = 300
TURN_PAUSE_MS = 700

_INTERVIEW = """
0: Welcome back to The Long Table. Today we talk about something that most of us use every day and almost
nobody thinks about: bread.

0: With me is Hanna Okafor, who has run a village bakery for nineteen years, and Professor Daniel Reyes, who
studies how cereals came to feed the world.

1: Thank you for having me. I came straight from the ovens, so forgive the flour on my sleeves.

2: It's a pleasure to be here. I promise not to lecture for more than forty minutes.

0: Hanna, when does your day begin?

1: At half past two in the morning. The dough has rested for sixteen hours by then. People think a baker makes
bread, but mostly a baker waits. You mix for ten minutes and you wait until the next day. If the kitchen is
cold, you wait longer. The dough tells you when it is ready, and it never lies.

0: Does it bother you that the work is so invisible?

1: No. I like that the village wakes up and the bread is simply there.

2: That is historically quite right, by the way. For most of the last eight thousand years bread was the clock
of a settlement. The oven was shared, the firing was announced, and everything else was arranged around it. We
have records from Mesopotamia that measure a day's wages in loaves, and the loaves had standard weights. If a
loaf was too light, there was a fine.

0: So the price of bread was regulated before there was money?

2: Before there were coins, certainly. Weight came first. Money is, in a sense, a very abstract loaf.

1: I shall put that on a sign above the counter.

0: Let's talk about flour. What has changed since you started?

1: Everything, and in a good direction. When I opened, I could buy two kinds of wheat. Now there are eleven
farmers within an hour's drive, and each of them grows something different. The flour is alive again. It
behaves differently every week, and I have to pay attention.

2: What Hanna describes is a return. Until about 1870 every valley had its own wheat. Roller mills changed
that within one generation, because they separate the germ from the rest, and what remains keeps for years. It
was a miracle for cities. It was a quiet disaster for taste.
"""
INTERVIEW = [(int(turn[0]), " ".join(turn[2:].split())) for turn in _INTERVIEW.strip().split("\n\n")]
"""Who speaks, and what."""

CHINESE = [
    (0, "zh", "各位听众大家好，欢迎收听本期节目。今天我们来聊一聊城市里的老面馆，以及它们为什么能够一直开下去。"),
    (1, "zh", "谢谢邀请。我从一九九八年开始在这条街上做面，到现在已经二十七年了。每天凌晨四点起床，先熬汤，再和面。"),
    (0, "zh", "很多年轻人说，他们更愿意用 iPhone 点外卖，而不是走进店里。您怎么看？"),
    (1, "zh", "外卖当然方便，可是面离开锅三分钟，味道就不一样了。所以我们只做堂食。"),
    (0, "ja", "なるほど、出来たての味が一番ということですね。"),
    (1, "zh", "对，就是这个道理。"),
]

ARABIC = [
    (0, "ar", "مرحبًا بكم في برنامجنا الأسبوعي. نتحدث اليوم عن المكتبات العامة في المدن الصغيرة ودورها في حياة الناس."),
    (
        1,
        "ar",
        "شكرًا على الدعوة. افتتحنا المكتبة سنة 2009 وكان لدينا أربعمئة كتاب فقط، واليوم لدينا أكثر من ثلاثين ألفًا.",
    ),
    (0, "ar", "وهل يستخدم الشباب خدمة Wi-Fi أكثر من الكتب؟"),
    (1, "ar", "نعم في البداية، لكنهم يبقون بعد ذلك ليقرؤوا. المكان الهادئ نادر هذه الأيام."),
    (0, "en", "That is exactly what our colleagues in Leeds told us."),
    (1, "ar", "إذن المشكلة واحدة في كل مكان، والحل واحد أيضًا."),
]


def interview() -> Transcript:
    return _talk([(speaker, "en", text) for speaker, text in INTERVIEW], media="s3://media/talks/The long table.wav")


def chinese() -> Transcript:
    return _talk(CHINESE, media="s3://media/talks/面馆.wav", is_spaced=False)


def arabic() -> Transcript:
    return _talk(ARABIC, media="s3://media/talks/المكتبة.wav")


def french() -> Transcript:
    return _talk(FRENCH, media="s3://media/talks/canal.wav")


def without_times() -> Transcript:
    sentences = [
        Sentence(sentence_id=number, begin_ms=None, end_ms=None, text=text)
        for number, text in enumerate(
            ["Good morning. ", "This model gives no times. ", "The text is still here."], start=1
        )
    ]
    return _transcript(
        [Channel(channel_id=0, speech_ms=None, text="".join(s.text for s in sentences), sentences=sentences)]
    )


def calls() -> Transcript:
    """Two channels that overlap."""
    left = [
        ("Hello, you have reached the service desk.", 0, 2000),
        ("How can I help?", 2000, 3400),
        ("One moment.", 8000, 9000),
    ]
    right = [("Hi, my order did not arrive.", 3000, 5600), ("It is number 4711.", 5600, 8200)]
    channels = [
        Channel(
            channel_id=number,
            speech_ms=None,
            text=" ".join(text for text, _, _ in said),
            sentences=[
                _sentence(index, text, begin, end, None, "en") for index, (text, begin, end) in enumerate(said, 1)
            ],
        )
        for number, said in enumerate([left, right])
    ]
    return _transcript(channels, duration_ms=9500)


FRENCH = [
    (0, "fr", "On m’a souvent demandé pourquoi on l’appelle « canal des Deux Mers » et non «\u202fcanal royal\u202f»."),
    (0, "fr", "Il fallut employer jusqu’à douze mille hommes\u202f: « une folie », disait-on à la cour\u202f!"),
]

HOSTILE = [
    "</script><script>document.title = 'broken'</script>",
    "<img src=x onerror=\"document.title='broken'\"> and <b>bold</b>",
    "<!--<script> {{data}} {{script}} \u2028 \x00 --> ]]> &amp; &lt;",
    "javascript:alert(1) ${document.title='broken'} `x` \\u003c",
    "00:00:01,000 --> 00:00:02,000 {\\an8}<i>markup</i>",
]


def hostile() -> Transcript:
    sentences = [
        _sentence(index, text, index * 2000, index * 2000 + 1500, index % 2, "<en>")
        for index, text in enumerate(HOSTILE, 1)
    ]
    return _transcript(
        [Channel(channel_id=0, speech_ms=None, text="\n".join(HOSTILE), sentences=sentences)],
        media="s3://media/<img src=x onerror=alert(1)>/\"'><script>.wav",
        job_id='"><script>',
    )


VOCABULARY = """
the of and to a in is that for it as was with be by on not he his but at are this have from or had an they
which one you were all her she there would their we him been has when who will no more if out so said what up
its about than into them can only other time new some could these two may first then do any like my now over
such our man me even most made after also did many before must through back years where much your way well
down should because each just those people how too little state good very make world still own see men work
long get here between both life being under never day same another know while last might us great old year off
come since against go came right used take three
""".split()


def twelve_hours(turn: float = 1 / 4) -> Transcript:
    """144,000 words, each with times to the millisecond, by four voices. `turn` is how often the voice changes."""
    chance = random.Random(12)  # noqa: S311  # the same words each time
    sentences: list[Sentence] = []
    clock, spoken, speaker = 0, 0, 0
    while spoken < 144_000:
        count = chance.randint(4, 24)
        words = []
        for index in range(count):
            begin = clock + chance.randint(0, 60)
            clock = begin + chance.randint(90, 440)
            text = (
                chance.choice(VOCABULARY)
                if chance.random() < 0.8
                else "".join(chance.choices("etaoinshrdlu", k=chance.randint(5, 9)))
            )
            words.append(Word(begin, clock, (" " if index else "") + text, "." if index == count - 1 else ""))
        text = "".join(word.text + word.punctuation for word in words)
        sentences.append(
            Sentence(
                sentence_id=len(sentences) + 1,
                begin_ms=words[0].begin_ms,
                end_ms=clock,
                text=text,
                speaker=speaker,
                language="en",
                words=words,
            )
        )
        spoken += count
        clock += chance.randint(100, 900)
        if chance.random() < turn:
            speaker = chance.randrange(4)
    return _transcript(
        [Channel(channel_id=0, speech_ms=None, text=" ".join(s.text for s in sentences), sentences=sentences)],
        duration_ms=12 * 3600 * 1000,
    )


def tone(seconds: float, rate: int = 8000) -> bytes:
    """A recording that a browser can play."""
    frames = b"".join(
        struct.pack("<h", int(1000 * math.sin(2 * math.pi * 220 * index / rate))) for index in range(rate)
    )
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((frames * math.ceil(seconds))[: int(seconds * rate) * 2])
    return written.getvalue()


def _talk(turns: list[tuple[int, str, str]], *, media: str, is_spaced: bool = True) -> Transcript:
    sentences: list[Sentence] = []
    clock = 600
    for speaker, language, text in turns:
        for part in _sentences(text):
            pace = 62 if is_spaced else 210
            end = clock + pace * len(part)
            sentences.append(_sentence(len(sentences) + 1, part, clock, end, speaker, language))
            clock = end + SENTENCE_PAUSE_MS
        clock += TURN_PAUSE_MS
    joiner = " " if is_spaced else ""
    channel = Channel(
        channel_id=0, speech_ms=None, text=joiner.join(each.text for each in sentences), sentences=sentences
    )
    return _transcript([channel], media=media, duration_ms=clock)


def _sentences(text: str) -> list[str]:
    parts, current = [], ""
    for index, sign in enumerate(text):
        current += sign
        following = text[index + 1 : index + 2]
        if sign in "。？" or (sign in ".?؟" and following in ("", " ")):
            parts.append(current.strip())
            current = ""
    return [*parts, current.strip()] if current.strip() else parts


def _sentence(number: int, text: str, begin: int, end: int, speaker: int | None, language: str) -> Sentence:
    """A sentence whose words are timed one after the other; signs of Chinese and Japanese are words."""
    tokens = text.split(" ") if (" " in text and text.isascii()) or "\u0600" < text[0] < "\u0700" else list(text)
    words: list[Word] = []
    position = 0
    for index, token in enumerate(tokens):
        start = begin + (end - begin) * position // len(text)
        position += len(token) + (1 if len(tokens) < len(text) else 0)
        stop = begin + (end - begin) * min(position, len(text)) // len(text)
        core = token.rstrip(".,?:、。，？؟،")
        is_blank_before = index > 0 and len(tokens) < len(text)
        words.append(Word(start, stop, (" " if is_blank_before else "") + core, token[len(core) :]))
    return Sentence(
        sentence_id=number, begin_ms=begin, end_ms=end, text=text, speaker=speaker, language=language, words=words
    )


def _transcript(
    channels: list[Channel],
    *,
    media: str = "s3://media/talks/recording.wav",
    duration_ms: int | None = None,
    job_id: str = "0123456789abcdef",
) -> Transcript:
    return Transcript(
        job_id=job_id,
        model="fun-asr",
        media=media,
        duration_ms=duration_ms,
        speech_ms=None,
        text="\n".join(channel.text.strip() for channel in channels),
        channels=channels,
    )
