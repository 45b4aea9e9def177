"""The fixed exchanges: what they are about, what users say, and the answer."""

from __future__ import annotations

from . import lists

EXCHANGES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (
        "greeting",
        (
            "Hello",
            "Hello!",
            "Hi",
            "Hi!",
            "Hey",
            "hello",
            "hi there",
            "Good morning!",
            "Good evening.",
            "Hello there!",
            "Hey!",
            "hi",
            "Greetings!",
            "Good day",
            "Hello.",
        ),
        "Hello! How can I help you?",
    ),
    (
        "greeting",
        (
            "Hello, how are you?",
            "How are you?",
            "how are you",
            "How are you today?",
            "How do you do?",
            "Hi, how are you?",
            "How is it going?",
            "Are you well?",
            "Hello! How are you?",
            "How are you doing?",
        ),
        "I am fine, thank you. How can I help you?",
    ),
    (
        "thanks",
        (
            "Thanks",
            "Thank you!",
            "Thanks a lot.",
            "thank you",
            "Thank you very much.",
            "Great, thanks!",
            "Cheers!",
            "thx",
            "Perfect, thank you.",
        ),
        "You are welcome!",
    ),
    (
        "goodbye",
        (
            "Goodbye",
            "Bye!",
            "See you later.",
            "bye",
            "Good night!",
            "See you!",
            "I have to go now.",
            "That is all.",
            "Goodbye!",
            "Bye bye",
        ),
        "Goodbye! It was nice to talk to you.",
    ),
    (
        "praise",
        (
            "Good job!",
            "Well done.",
            "You are great!",
            "Nice!",
            "Cool",
            "Great!",
            "That is right.",
            "Correct!",
            "Very good.",
            "Wow",
        ),
        "Thank you!",
    ),
    (
        "ok",
        ("Ok", "OK.", "Okay", "ok", "I see.", "Alright.", "Fine.", "Sure."),
        "Good. What else can I do for you?",
    ),
    (
        "help",
        (
            "What can you do?",
            "Help",
            "help",
            "What are you able to do?",
            "How can you help me?",
            "Can you help me?",
            "What do you know?",
            "I need help.",
            "What can I ask you?",
        ),
        "I can chat, remember what you tell me, add and subtract, count, repeat text, read a short "
        "text, call tools, fill in JSON and think first when asked.",
    ),
    (
        "joke",
        (
            "Tell me a joke",
            "Tell me a joke.",
            "Do you know a joke?",
            "Make me laugh.",
            "A joke, please.",
            "tell me a joke",
            "Say something funny.",
        ),
        "Why did the token cross the context? To get to the next one.",
    ),
    (
        "story",
        (
            "Tell me a story",
            "Tell me a short story",
            "Tell me a short story.",
            "Tell me a story.",
            "tell me a story",
            "A story, please.",
            "Do you know a story?",
            "Write a short story.",
            "Write a story",
        ),
        "Once there was a small model that lived between two tall columns. It knew only a few "
        "words, but it kept every name that it was told. One day a traveller came and asked "
        "for the way home. The model counted the stones to the river, and the traveller found "
        "the way. Since then people come by to say hello.",
    ),
    (
        "haiku",
        (
            "Write a haiku.",
            "Write a haiku about AI",
            "Write a poem.",
            "Tell me a poem.",
            "Write a haiku about AI.",
            "Write a haiku",
            "Write me a poem",
            "A poem, please.",
        ),
        "Small light on the page,\none word leans on another,\nthe columns stand still.",
    ),
    (
        "maker",
        (
            "Who made you?",
            "Who built you?",
            "Where do you come from?",
            "Who trained you?",
            "Who created you?",
        ),
        "I was trained from nothing for Colonnade, on dialogues that a script made up.",
    ),
    (
        "colonnade",
        (
            "What is Colonnade?",
            "what is colonnade",
            "Tell me about Colonnade.",
            "Explain Colonnade",
        ),
        "Colonnade is a server that runs language models on your own machine.",
    ),
    (
        "python",
        ("What is Python?", "what is python", "Explain Python.", "Tell me about Python"),
        "Python is a programming language that is easy to read.",
    ),
    (
        "AI",
        ("What is AI?", "What is artificial intelligence?", "Explain AI."),
        "AI means programs that do things for which people have to think.",
    ),
    (
        "token",
        ("What is a token?", "Explain tokens."),
        "A token is a piece of text: a word, a part of one or a sign.",
    ),
    (
        "days",
        (
            "What are the days of the week?",
            "Name the days of the week.",
            "List the days of the week",
            "Which days does a week have?",
        ),
        ", ".join(lists.DAYS) + ".",
    ),
    (
        "months",
        ("What are the months of the year?", "Name the months.", "List the months of the year"),
        ", ".join(lists.MONTHS) + ".",
    ),
    (
        "rainbow",
        (
            "What are the colours of the rainbow?",
            "Name the colors of the rainbow.",
            "List the colours of the rainbow",
        ),
        "Red, orange, yellow, green, blue, indigo and violet.",
    ),
    (
        "sky",
        ("What colour is the sky?", "What color is the sky?", "Why is the sky blue?"),
        "The sky is blue, because air scatters blue light most.",
    ),
    ("grass", ("What colour is grass?", "What color is grass?"), "Grass is green."),
    (
        "week",
        ("How many days are in a week?", "How many days does a week have?"),
        "A week has 7 days.",
    ),
    (
        "year",
        ("How many months are in a year?", "How many months does a year have?"),
        "A year has 12 months.",
    ),
    (
        "hours",
        ("How many hours are in a day?", "How many hours does a day have?"),
        "A day has 24 hours.",
    ),
    (
        "alphabet",
        ("Say the alphabet.", "What is the alphabet?", "Write the alphabet"),
        "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z",
    ),
)
