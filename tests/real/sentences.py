"""A hundred texts to embed: long and short, of many languages, with whatever texts have in them."""

from __future__ import annotations

_ENGLISH = """\
A cat sits on the mat.
The cat is sitting on the rug.
Prices of copper rose sharply in May.
Copper became much more expensive last spring.
How do I reset my password?
I forgot my password and cannot log in.
The quick brown fox jumps over the lazy dog.
Water boils at a hundred degrees Celsius at sea level.
Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.
She didn't say that he wasn't coming; she said he couldn't.
Dr. Smith's appointment is at 10:30 a.m. on 3/14/2025 (room #12-B).
Please transfer €1,250.00 to IBAN DE89 3704 0044 0532 0130 00 by Friday!
ALL CAPITAL LETTERS ARE LOUD.
all small letters are quiet
iPhone, eBay and LaTeX have odd capitals.
What?! Really... no -- yes; maybe: "perhaps" (or 'not').
def add(a, b): return a + b  # a function in Python
SELECT name, COUNT(*) FROM users WHERE age >= 18 GROUP BY name;
<p class="note">Some <b>bold</b> HTML &amp; entities</p>
{"json": true, "list": [1, 2.5, -3e10], "nothing": null}
https://example.org/a/path?with=query&and=more#fragment
someone@example.org wrote on 2024-02-29T23:59:59Z
1 2 3 4 5 6 7 8 9 10 100 1000 10000 100000
3.14159265358979323846264338327950288
E = mc^2, and a^2 + b^2 = c^2
supercalifragilisticexpialidocious antidisestablishmentarianism
pneumonoultramicroscopicsilicovolcanoconiosis
The the the the the the the the the.
tabs\\tand  double   spaces    inside
Two lines\\nof text\\n\\nand a paragraph.
To be, or not to be, that is the question.
It was the best of times, it was the worst of times.
The mitochondrion is the powerhouse of the cell.
An apple a day keeps the doctor away.
Neural networks are trained by gradient descent.
The parliament voted against the amendment on Tuesday.
He plays the guitar in a band called The Stopped Clocks.
Snow fell all night, and the roads were closed in the morning.
This product broke after two days. I want my money back.
Best purchase I have made this year, five stars!
Add the flour, stir well, and bake for forty minutes.
The defendant shall pay the costs of the proceedings."""

_OTHERS = """\
Le chat est assis sur le tapis près de la fenêtre.
Où est la bibliothèque, s'il vous plaît ?
L'été dernier, nous avons mangé des crêpes à la crème brûlée.
Der Hund läuft schnell über die grüne Straße.
Fußgänger müssen die Größe der Übergänge beachten.
El niño comió una manzana y bebió agua fría.
¿Cuánto cuesta este sombrero? ¡Qué caro!
O coração não tem razões; São Paulo é grande.
Perché la città è così bella di notte?
Zażółć gęślą jaźń.
Příliš žluťoučký kůň úpěl ďábelské ódy.
Flygande bäckasiner söka hwila på mjuka tuvor.
Blåbærsyltetøy på brød smaker godt.
Jó foxim és don Quijote húszwattos lámpánál ülve egy pár bűvös cipőt készít.
Pijamalı hasta yağız şoföre çabucak güvendi.
İstanbul'da hava bugün çok güzel.
Съешь ещё этих мягких французских булок, да выпей чаю.
Москва — столица России.
Щастя — це коли тебе розуміють.
Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.
Η γρήγορη αλεπού πηδάει πάνω από τον σκύλο.
שלום עולם, מה שלומך היום?
مرحبا بالعالم، كيف حالك اليوم؟
हिन्दी में एक छोटा वाक्य लिखा गया है।
বাংলা ভাষায় লেখা একটি বাক্য।
தமிழில் எழுதப்பட்ட ஒரு வாக்கியம்.
ภาษาไทยไม่มีช่องว่างระหว่างคำ
今日は天気がいいですね。
東京は日本の首都です。
カタカナとひらがなと漢字を混ぜる。
我喜欢在早上喝一杯咖啡。
北京是中华人民共和国的首都。
繁體中文的句子也應該可以。
안녕하세요, 오늘 날씨가 좋네요.
한국어 문장을 하나 더 씁니다.
Xin chào, hôm nay trời đẹp quá!
Tiếng Việt có nhiều dấu: ắ ằ ẳ ẵ ặ.
Selamat pagi, apa kabar hari ini?"""

_ODD = [
    "\u3000",
    " ",
    "\n\t ",
    ".",
    "!!!",
    "a",
    "Z",
    "7",
    "é",
    "e\u0301 and \u00e9 are one letter; so are A\u030a and \u212b",
    "ﬁne ligatures, ½ fractions, ™ signs and ① circled digits",
    "naïve café façade jalapeño Ångström",
    "“curly” ‘quotes’ — dashes – and … dots",
    "🚀 to the moon 🌕 with 👩‍👩‍👧 and 🏳️‍🌈",
    "null \x00 and bell \x07 and delete \x7f and soft\u00adhyphen",
    "zero\u200bwidth\u200dmarks and a byte order mark \ufeff here",
    "replacement \ufffd character",
    "$ % & * + - / < = > @ ^ ~ ` | \\ _ { } [ ]",
]

_LONG = [
    " ".join(f"Number {n} is followed by number {n + 1}." for n in range(12)),
    " ".join(["The history of the town goes back to the twelfth century."] * 10),
]

SENTENCES = [
    *(line.replace("\\t", "\t").replace("\\n", "\n") for line in _ENGLISH.splitlines()),
    *_OTHERS.splitlines(),
    *_ODD,
    *_LONG,
]
"""None has more than 256 tokens, where the model's own runtime cuts texts off."""
