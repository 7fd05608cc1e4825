"""Words that a line or a cue should not end or begin with, by language, and which language a text is in.

A break after an article, a pronoun, an auxiliary, a preposition or a conjunction tears a phrase. So does a break
before a particle or a postposition. The style guides name these classes of words; the lists are the commonest words of
each class. A break before a conjunction or a preposition is a good one.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache, lru_cache

from dashscribe.domain.transcripts.script_rules import Script


def _table(text: str) -> dict[str, frozenset[str]]:
    """Word lists by language: a line `en: and or …` and indented lines that continue it."""
    parts = re.split(r"^(\w\w):", text, flags=re.MULTILINE)
    return {parts[at]: frozenset(parts[at + 1].split()) for at in range(1, len(parts), 2)}


CONNECTIVES = _table(
    """
en: and or but nor so yet because although though while when where whereas if unless until than that which
    who whom whose as of to in on at for from by with without about into onto over under between through
    during before after against among across around behind beyond despite except like near since toward
    towards upon within per via
de: und oder aber sondern denn weil dass ob wenn als wie während bis obwohl damit von zu zum zur im in ins
    am an ans auf aus bei beim mit nach seit für durch gegen ohne um über unter vor vom hinter neben
    zwischen wegen trotz
fr: et ou mais donc or ni car que qui dont où quand comme si lorsque puisque parce à au aux de du des en
    dans par pour sur sous avec sans chez vers entre depuis pendant avant après contre malgré
es: y e o u pero sino ni que quien donde cuando como si porque aunque mientras a al de del en con por para
    sin sobre entre hasta desde hacia según contra durante tras
it: e ed o ma né che chi cui dove quando come se perché mentre anche a ad al allo alla ai agli alle di del
    dello della dei degli delle da dal dalla in nel nella nei nelle con su sul sulla per tra fra senza verso
pt: e ou mas nem que quem onde quando como se porque enquanto embora a ao à aos às de do da dos das em no na
    nos nas com por pelo pela para sem sobre entre até desde contra
nl: en of maar want dat die omdat als toen terwijl hoewel van in op te aan met voor naar bij uit over door
    om tot tegen onder tussen zonder
ru: и а но или что чтобы как когда если потому который которая которое которые где в во на с со к ко по из
    от у о об за для до без при через под над между про
pl: i a ale lub albo że żeby jak kiedy gdy jeśli bo który która które w we na z ze do od po o u za dla przez
    pod nad
tr: ve veya ama fakat çünkü ki ile
id: dan atau tetapi tapi karena bahwa yang jika kalau ketika di ke dari pada untuk dengan oleh dalam
vi: và hoặc nhưng vì nên nếu khi mà rằng của ở trong trên cho với từ đến để
el: και ή αλλά ότι που όταν αν γιατί σε από με για στο στη στον στην στα
uk: і й та а але або чи що щоб як коли якщо бо тому який яка яке які де у в на з із зі до по від о про за для без при
    через
    під над між після перед
cs: a i ale nebo ani že aby když jestli protože který která které kde jak v ve na s se z ze do od po o u k ke za pro při
    přes pod nad mezi před bez
sv: och men eller att som om när där för därför medan innan i på av till från med vid hos över under mellan genom
    utan mot
    efter
da: og men eller at som der hvis når hvor fordi mens i på af til fra med ved hos over under mellem gennem uden mod
    efter om
no: og men eller at som hvis når hvor fordi mens i på av til fra med ved hos over under mellom gjennom uten mot etter om
fi: ja mutta tai että joka jotka jos kun koska missä kuin vaikka sekä
hu: és de vagy hogy ha mert aki ami amely amikor ahol mint
ro: și dar sau că care dacă când unde pentru cu de la în din pe prin fără despre între după până
ms: dan atau tetapi kerana bahawa yang jika apabila di ke dari pada untuk dengan oleh dalam kepada
tl: at o pero ngunit dahil kung kapag na ng sa para mula
ar: في من على إلى عن مع أن إن لكن بل أو ثم حتى منذ خلال بين بعد قبل عند حول ضد دون كما لأن الذي التي از به
    در با که و برای تا اور کہ
he: של את על עם אל כי אם או אבל בין כדי לפני אחרי אצל מן
hi: और या लेकिन मगर कि क्योंकि जो जब अगर तो एवं
ko: 그리고 그러나 하지만 그래서 또는 및
"""
)
"""Conjunctions and prepositions: no line ends with one, and a line begins well with one."""

LEADERS = _table(
    """
en: a an the my your his her its our their this these those i you he she we they it is are was were be been
    being am do does did have has had will would can could shall should may might must not no every each any
    some both either very more most quite rather too one two three such what how i'm you're we're they're
    it's that's he's she's i've we've you've they've i'll you'll we'll i'd there's don't doesn't didn't
    can't won't
de: der die das den dem des ein eine einen einem einer eines kein keine keinen mein meine sein seine ihr
    ihre unser unsere dieser diese dieses ich du er sie es wir man ist sind war waren bin hat haben hatte
    wird werden wurde kann können muss müssen soll will nicht auch nur so sehr noch sich
fr: le la les un une l' d' mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs ce cet cette ces
    je tu il elle on nous vous ils elles est sont était a ai as ont avait ne pas très plus se c'est n'est
    j'ai
es: el la los las un una unos unas lo mi tu su sus mis nuestro nuestra este esta estos estas ese esa yo él
    ella es son era está están ha he han había no se me te le les nos muy más tan
it: il lo la i gli le un uno una mio mia suo sua nostro questo questa questi queste io tu lui lei noi è sono
    era ha ho hanno non si mi ti ci vi molto più così
pt: o os as um uma uns umas meu minha seu sua nosso nossa este esta esse essa eu ele ela nós é são era está
    estão tem há não se me te lhe muito mais
nl: de het een mijn jouw zijn haar ons onze deze dit ik je jij hij ze zij we wij is was waren heeft hebben
    had wordt kan moet niet ook zeer heel er
ru: не ни этот эта это эти мой моя наш его её их я ты он она мы вы они очень самый так ещё бы же
pl: nie się ten ta to te mój moja jest są był była bardzo ja ty on ona my
tr: bir bu şu o çok en daha her
id: ini itu saya kami kita dia mereka tidak akan sudah telah sangat para sebuah seorang
vi: một các những này tôi anh chị không đã sẽ đang rất
el: ο η το οι τα του της των τον την ένα ένας μια δεν δε θα να μου σου
uk: не ні цей ця це ці мій моя наш його її їх я ти він вона ми ви вони дуже найбільш так ще б же є
cs: ne ten ta to ti tyto tento tato můj moje náš jeho její já ty on ona my jsem jsi je jsou byl byla bylo velmi už
sv: en ett den det de min mitt mina din sin sitt sina vår jag du han hon vi ni är var har hade ska kan måste inte också
    bara så mycket
da: en et den det de min mit mine din sin sit sine vores jeg du han hun vi er var har havde skal kan må ikke også kun så
    meget
no: en et ei den det de min mitt mine din sin sitt sine vår jeg du han hun vi er var har hadde skal kan må ikke også
    bare
    så veldig
fi: on ovat oli olivat ei en se tämä nämä minä sinä hän me te he minun sinun hänen hyvin
hu: a az egy ez nem is én te ő mi ti ők van volt nagyon
ro: un o niște acest această acești nu eu tu el ea noi voi ei este sunt era am ai are au foarte mai cel cea să
ms: ini itu saya kami kita dia mereka tidak akan sudah telah sangat para sebuah seorang
tl: ang mga si ni ay ito iyan ako ikaw siya kami tayo sila hindi
ar: هل لا لم لن ما هذا هذه ذلك تلك هو هي هم نحن أنا قد سوف كل أي يا این آن یک ہر یہ وہ
he: הוא היא הם אני אתה אנחנו זה זאת זו לא גם מה כל יש אין מאוד כבר רק עוד יותר
hi: एक यह वह ये वे इस उस इन उन हर किसी मेरे मेरा मेरी अपने अपना अपनी बहुत नहीं न
ko: 이 그 저 한 두 세 네 안 못 더 이런 그런 저런 매 각 새 첫 전 모든 어떤 무슨
zh: 在 把 被 给 和 跟 与 及 或 从 向 对 为 以 于 是 很 不 没 一 这 那 每 最 更 太 要 会 能 可 有 个 都 就 也
    还 再 先 又 才 只 我 你 他 她 它 我们 你们 他们 并 而 但 但是 因为 所以 如果 而且 或者 以及 通过 关于 由
    将 让 使 比 至 同 第
ja: お ご 御 その この あの どの そんな こんな 各 約 第 同 全 もう とても 最も
th: ที่ การ ความ และ ใน ของ จะ ไม่ ว่า ให้ กับ โดย จาก เพื่อ แต่ หรือ ก็ คือ เป็น มี ได้ เมื่อ ถ้า ซึ่ง อย่าง ทุก
"""
)
"""Articles, pronouns, auxiliaries and the like: no line ends with one."""

FOLLOWERS = _table(
    """
zh: 的 了 吗 呢 吧 啊 呀 嘛 着 过 地 得 们 里 上 下 中 内 外 之内 之后 之前 以后 以前 以上 以下 时 等 等等
    来说 的话 之间
ja: は が を に で と も の へ や か ね よ な から まで より だけ ほど など って ては では には とは へは
    ので のに けど けれど です ます た て だ い る う まし ませ ん ない なく なっ なり でし しょう いる おり
    いただき ください ござい しまい おき たい れる られる せる させ ている について ついて よって おいて
    とって いただ ござい によって として に対して
    たち さん 的 性 化 者 さ れ ば
hi: का की के को में से पर ने तक भी ही है हैं था थी थे हो हुआ हुई हुए रहा रही रहे गया गई गए कर करके वाला वाली वाले लिए
    साथ
    बाद पहले द्वारा
ko: 수 것 것은 것이 것을 것입니다 것인데 때 때문에 있습니다 없습니다 합니다 됩니다 있다 없다 줄 뿐 만큼 대로
    중 등 동안 후 전에
th: ๆ ครับ ค่ะ คะ นะ แล้ว กัน ด้วย เลย อยู่ ไป มา นี้ นั้น บ้าง มาก
ar: را است ہے ہیں کا کی کے کو میں سے پر نے تھا تھی
tr: de da mi mı mu mü ile için gibi kadar
"""
)
"""Particles and postpositions: no line begins with one."""

_BY_SCRIPT = {
    Script.HEBREW: "he", Script.ARABIC: "ar", Script.INDIC: "hi", Script.SOUTH_EAST_ASIAN: "th",
    Script.CHINESE: "zh", Script.JAPANESE: "ja", Script.KOREAN: "ko",
}  # fmt: skip
_ALPHABETIC = tuple(language for language in CONNECTIVES if language not in _BY_SCRIPT.values())
_TOKENS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_NONE: frozenset[str] = frozenset()


def language_of(text: str, script: Script, told: str | None = None) -> str:
    """The key of the word lists for a text: what the model told, else what the script or the commonest words say."""
    known = (told or "").lower().partition("-")[0]
    if script is not Script.ALPHABETIC:
        return _BY_SCRIPT[script]
    return known if known in _ALPHABETIC else guessed_language(text) or "en"


def guessed_language(text: str) -> str | None:
    """The alphabetic language whose common words a text has most of; None where it has none of any."""
    scores: Counter[str] = Counter()
    for word, count in Counter(token.lower() for token in _TOKENS.findall(text[:20_000])).items():
        for language in _languages_of_words().get(word, ()):
            scores[language] += count
    return max(_ALPHABETIC, key=lambda language: scores[language]) if scores else None


@cache
def _languages_of_words() -> dict[str, list[str]]:
    """The alphabetic languages that have a word in their lists."""
    found: dict[str, list[str]] = {}
    for language in _ALPHABETIC:
        for word in CONNECTIVES[language] | LEADERS[language]:
            found.setdefault(word, []).append(language)
    return found


@lru_cache(maxsize=32)
def enders_to_avoid(language: str) -> frozenset[str]:
    """The words that no line ends with."""
    return CONNECTIVES.get(language, _NONE) | LEADERS.get(language, _NONE)


def starters_to_avoid(language: str) -> frozenset[str]:
    """The words that no line begins with."""
    return FOLLOWERS.get(language, _NONE)


@lru_cache(maxsize=32)
def starts_to_avoid(language: str) -> tuple[str, ...]:
    """How no line begins, for languages whose phrases are found without the vendor's words: 3 characters or more."""
    return tuple(word for word in FOLLOWERS.get(language, _NONE) if len(word) > 2) if language == "ja" else ()


def good_starters(language: str) -> frozenset[str]:
    """The words that a line begins well with."""
    return CONNECTIVES.get(language, _NONE)
