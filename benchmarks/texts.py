"""Prompts in plain language, for models that were taught one: stories to tell, texts to work on."""

from __future__ import annotations

import random

STORIES = (
    "Tell me a long story about a lighthouse keeper who finds a message in a bottle.",
    "Write a long letter from a grandmother to her grandson about her first day at school.",
    "Describe in detail how bread is baked, from the grain in the field to the warm loaf.",
    "Tell me a long story about two friends who build a boat and sail around an island.",
    "Explain at length how the water cycle works and why it matters to farmers.",
    "Write a long travel report about a week of walking through high mountains.",
    "Describe a busy market in an old harbour town, with its sounds, smells and people.",
    "Tell me a long story about a dog that waits every day at the railway station.",
    "Explain at length how a bicycle works and how one takes good care of it.",
    "Write a long speech for the opening of a small public library.",
    "Describe in detail a winter evening in a house at the edge of a forest.",
    "Tell me a long story about a clockmaker who repairs the clock of the town hall.",
    "Explain at length how bees live together and what each of them does in the hive.",
    "Write a long diary entry of a sailor who sees land for the first time in months.",
    "Describe in detail how a garden changes from spring to autumn.",
    "Tell me a long story about a teacher who takes her class to an observatory.",
)

PASSAGES = (
    "The old mill stands where the river bends around the hill. For two hundred years farmers of "
    "the valley brought their grain there, and the miller kept a book in which he wrote down every "
    "sack, its weight and its owner. When the railway came, flour from the city was cheaper, and "
    "in 1931 the wheel was stopped. The building was used as a barn until Maria Keller bought it "
    "in 1998. She repaired the roof, cleaned the channel and found the miller's books in a chest "
    "under the stairs. Today the mill grinds again on Saturdays, and school classes come to see "
    "how the stones turn.",
    "The committee met on Tuesday, 4 March, at half past six in the town hall. Present were Anna "
    "Berg, Tom Hale, Lucia Romano and Peter Novak. Tom reported that the new playground costs "
    "42,000 euros, of which 30,000 are there already. Lucia proposed a summer fair to raise the "
    "rest, with music, a cake stand and a small race for children. Peter will ask the fire brigade "
    "for benches and tables. Anna will write to the newspaper. The committee meets again on "
    "Tuesday, 1 April, at the same time, and by then everybody brings a list of helpers.",
    "Bees do not sleep through the winter. They gather in a tight ball around their queen and "
    "shiver with the muscles of their wings, which keeps the middle of the ball at about thirty "
    "degrees. Those outside slowly change places with those inside, so that none of them freezes. "
    "All this time they live on honey, some fifteen kilograms in a winter. On the first warm day "
    "of the year they fly out to clean themselves, and the keeper who sees brown spots on the snow "
    "knows that the colony is alive. By the end of March the queen lays her first eggs.",
    "A bicycle chain should be cleaned about every three hundred kilometres, and more often in "
    "rain. Turn the bicycle over, hold a dry cloth around the chain and move the pedals backwards "
    "until no more dirt comes off. Then put one drop of oil on each link, on the inner side, and "
    "let it rest for ten minutes. Wipe away what is left outside, for oil that can be seen only "
    "collects dust. A chain that can be lifted off the front wheel by more than half a link is "
    "worn out and should be replaced before it spoils the sprockets.",
    "The observatory on the plateau was built far from any town because light is its worst enemy. "
    "Its largest mirror is four metres wide and so smooth that its highest bump is thinner than a "
    "thousandth of a hair. Before every night the dome is cooled to the temperature that the air "
    "outside will have, or else the warm air above the mirror would make the stars dance. The "
    "astronomers hardly ever look through the telescope themselves. They sit in a warm room, read "
    "numbers from their screens and hope that no cloud comes before the sun does.",
)

QUESTIONS = (
    "What is this text mainly about?",
    "Who or what is mentioned first, and why?",
    "Which number in the text is the largest?",
    "What happens at the end?",
    "Name one thing that changed over time.",
    "What would a reader want to know next?",
    "Say the same in one short sentence.",
    "Which part of it is a fact, and which an opinion?",
)

TASKS = {
    "edits": "Correct the mistakes in the following text and write the whole text again:\n\n{}",
    "extracts": "Copy every sentence with a number from the following text, word for word:\n\n{}",
    "summarizes": "Summarize the following text with quotes from it:\n\n{}",
}
"""What makes an answer repeat its prompt."""


def task(name: str, number: int) -> str:
    """One of the tasks on one of the passages; to be edited, it has some mistakes."""
    text = PASSAGES[number % len(PASSAGES)]
    if name == "edits":
        text = text.replace(" the ", " teh ", 2).replace("and", "adn", 1)
    return TASKS[name].format(text)


def passages(words: int, seed: object) -> str:
    """Some words of the passages in an order of their own, different for each seed from the first
    word on."""
    drawn = random.Random(str(seed))
    number = drawn.randrange(10**9)
    text = f"Folder {number}."
    while len(text.split()) < words:
        text += "\n\n" + " ".join(drawn.sample(PASSAGES, len(PASSAGES)))
    return " ".join(text.split()[:words])


def question(seed: object) -> str:
    """A question about a text."""
    drawn = random.Random(str(seed))
    return f"Note {drawn.randrange(10**6)}: {drawn.choice(QUESTIONS)}"
