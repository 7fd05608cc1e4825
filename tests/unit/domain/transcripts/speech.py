"""Builds transcripts for the tests: texts, and the times a vendor would give them."""

from __future__ import annotations

from dashscribe.domain.transcripts.transcript import Channel, Sentence, Transcript, Word

SAMPLES = {
    "latin": "The committee met at ten, and the chair asked for the minutes of the last meeting. Nobody had them.",
    "german": "Die Betriebskostenabrechnungsverordnung gilt für alle, aber nicht für die 20 km entfernte Stadt.",
    "russian": "Мы начали работу в понедельник, и к пятнице всё было готово. Спасибо за внимание!",
    "hebrew": "הישיבה התחילה בשעה עשר, והיושב ראש ביקש את הפרוטוקול של NASA מהשבוע שעבר.",
    "arabic": "NASA أعلنت عن مشروع جديد في هذا العام، وهناك 20 دولة تشارك فيه. هل هذا صحيح؟",
    "hindi": "गाँव के लोगों ने अपनी ज़िंदगी बदल दी है, और अब वे मोबाइल से पैसे ले लेते हैं।",
    "thai": "ผมคิดว่าวันนี้อากาศดีมากและเราน่าจะออกไปเดินเล่นที่สวนสาธารณะ ใกล้บ้านกันสักหน่อย",
    "lao": "ຂ້ອຍຄິດວ່າມື້ນີ້ອາກາດດີຫຼາຍແລະພວກເຮົາຄວນອອກໄປຍ່າງຫຼິ້ນ",
    "khmer": "សួស្តីអ្នកទាំងអស់គ្នា ថ្ងៃនេះយើងនឹងនិយាយអំពីប្រវត្តិសាស្ត្រនៃប្រាសាទអង្គរវត្តដែលត្រូវបានសាងសង់",
    "burmese": "မုန့်ဟင်းခါးဟာနံနက်စာအဖြစ်လူကြိုက်အများဆုံးဖြစ်ပြီး ငါးနဲ့ဆန်နဲ့လုပ်ထားတာဖြစ်ပါတယ်။",
    "tamil": "வணக்கம் நண்பர்களே, இன்று நாம் தமிழ்நாட்டின் பாரம்பரிய உணவுகளைப் பற்றிப் பேசப் போகிறோம்.",
    "persian": "سلام، این‌قدر طول کشید که Amazon هم ۳۰٪ تخفیف داد و می‌توانم درباره آن صحبت کنم.",
    "traditional chinese": "各位觀眾大家好，我們要介紹的是臺灣東部最美麗的海岸線。「這不是表演，這是我們的生活。」",
    "chinese": "今天我们使用Kubernetes集群，然后再用“监控”系统看3000个微服务。他说：「很好！」谢谢大家。",
    "japanese": "皆さん、こんにちは。本日はお忙しい中お集まりいただき、ありがとうございます。データをご覧ください。",
    "korean": "선택지를 자유롭게 가져갈 수 있다는 점을 이용해서 우리는 더 좋은 결과를 만들 수 있었습니다.",
    "emoji": "That was great 👨‍👩‍👧‍👦 and the flag 🇧🇷 came up 5️⃣ times 👍🏽 for everyone.",
    "markup": "If a < b then <i>this</i> & {\\an8} are --> text, see https://example.com/a/very/long/path/that/goes/on.",
}  # fmt: skip
"""A text for each script, with what is hard in it."""


def said(
    begin_ms: int | None,
    end_ms: int | None,
    text: str,
    speaker: int | None = None,
    words: list[Word] | None = None,
    language: str | None = None,
) -> Sentence:
    return Sentence(
        sentence_id=1, begin_ms=begin_ms, end_ms=end_ms, text=text, speaker=speaker, words=words, language=language
    )


def spoken(text: str, begin_ms: int = 0, ms_a_word: int = 300, speaker: int | None = None) -> Sentence:
    """A sentence whose words, as blanks part them, are timed one after the other."""
    parts = text.split()
    words = [
        Word(begin_ms + number * ms_a_word, begin_ms + (number + 1) * ms_a_word, part)
        for number, part in enumerate(parts)
    ]
    return said(begin_ms, begin_ms + len(parts) * ms_a_word, text, speaker, words)


def transcript(*channels: list[Sentence], duration_ms: int | None = None) -> Transcript:
    parts = [
        Channel(channel_id=number, speech_ms=None, text=" ".join(part.text for part in sentences), sentences=sentences)
        for number, sentences in enumerate(channels)
    ]
    return Transcript(
        job_id="j",
        model="fun-asr",
        media="s3://media/talks/talk.mp3",
        duration_ms=duration_ms,
        speech_ms=None,
        text="\n".join(part.text for part in parts),
        channels=parts,
    )
