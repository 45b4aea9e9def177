"""Answer questions from one's own texts: embed them once, find the nearest, let a model read them.

    colonnade serve demo --models-dir MODELS    # the embedding model is in that directory
    python rag.py QUESTION

Two models of one server take part, each by its name. The texts and their vectors are in SQLite;
a few thousand need no index: one product with all of them takes a millisecond.
"""

import os
import sqlite3
import sys
from collections.abc import Sequence

import numpy as np
from openai import OpenAI

CHAT = os.environ.get("OPENAI_MODEL", "colonnade-demo")
EMBEDDING = os.environ.get("OPENAI_EMBEDDING_MODEL", "all-MiniLM-L6-v2")
DATABASE = os.environ.get("RAG_DATABASE", ":memory:")
NEAREST = 2

NOTES = [
    "The library opens at nine and closes at six. On Thursdays it is open until eight. On Sundays "
    "and on public holidays it is closed.",
    "A reader's card costs twelve euros a year. Children and students do not pay for it.",
    "Books may be kept for four weeks, films for one. Both can be renewed twice, on the telephone "
    "or at the desk, unless somebody else waits for them.",
    "Who brings a book back late pays twenty cents for each day and book, but no more than five "
    "euros.",
    "The reading room on the second floor has forty desks, each with a lamp and a socket. Food is "
    "not allowed there, water is.",
    "Old newspapers of the town, from 1848 on, are on microfilm in the basement. Ask at the desk "
    "for the key of the machine.",
    "Every first Saturday of a month stories are read to children, at half past ten, in the round "
    "room behind the stairs.",
    "Bicycles can be left in the yard. The gate of the yard is locked when the library closes.",
    "The printer beside the entrance takes coins: ten cents a page, thirty in colour.",
]

client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)


def embed(texts: Sequence[str]) -> np.ndarray:
    """Make vectors of length one: float32, (texts, width)."""
    answer = client.embeddings.create(model=EMBEDDING, input=list(texts))
    return np.array([each.embedding for each in answer.data], np.float32)


def remember(notes: Sequence[str]) -> sqlite3.Connection:
    """Embed the notes that the database does not have yet."""
    database = sqlite3.connect(DATABASE)
    database.execute("CREATE TABLE IF NOT EXISTS notes (model, text, vector, UNIQUE (model, text))")
    rows = database.execute("SELECT text FROM notes WHERE model = ?", [EMBEDDING])
    known = {text for (text,) in rows}
    new = [note for note in notes if note not in known]
    if new:
        rows = [(EMBEDDING, text, row.tobytes()) for text, row in zip(new, embed(new), strict=True)]
        database.executemany("INSERT INTO notes VALUES (?, ?, ?)", rows)
        database.commit()
    print(f"{len(new)} notes embedded, {len(known)} known")
    return database


def nearest(database: sqlite3.Connection, question: str) -> list[str]:
    """Find the notes that are most like the question, the nearest first."""
    rows = database.execute("SELECT text, vector FROM notes WHERE model = ?", [EMBEDDING])
    texts, vectors = zip(*rows, strict=True)
    matrix = np.frombuffer(b"".join(vectors), np.float32).reshape(len(texts), -1)
    [vector] = embed([question])
    best = np.argsort(matrix @ vector)[::-1][:NEAREST]
    return [texts[place] for place in best]


def answer(question: str, notes: Sequence[str]) -> None:
    """Print what the chat model makes of the notes, while it writes."""
    task = "Answer the question from these notes in one sentence, and from nothing else.\n\n"
    messages = [
        {"role": "system", "content": task + "\n".join(f"- {note}" for note in notes)},
        {"role": "user", "content": question},
    ]
    stream = client.chat.completions.create(
        model=CHAT, messages=messages, max_completion_tokens=80, temperature=0, stream=True
    )
    for chunk in stream:
        if chunk.choices:
            print(chunk.choices[0].delta.content or "", end="", flush=True)
    print()


question = " ".join(sys.argv[1:]) or "What does it cost to bring a book back late?"
database = remember(NOTES)
found = nearest(database, question)
for note in found:
    print(f"> {note}")
answer(question, found)
database.close()
