"""Ask several questions at once: the server answers them side by side."""

import asyncio
import os

from openai import AsyncOpenAI

QUESTIONS = (
    "What is the capital of Italy?",
    "Which colour is the sky?",
    "How many legs has a spider?",
)


async def main() -> None:
    async with AsyncOpenAI(
        base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"),
        api_key=os.environ.get("OPENAI_API_KEY", "none"),
    ) as client:
        model = (await client.models.list()).data[0].id
        answers = await asyncio.gather(*(ask(client, model, question) for question in QUESTIONS))
    for question, answer in zip(QUESTIONS, answers, strict=True):
        print(f"{question} {answer}")


async def ask(client: AsyncOpenAI, model: str, question: str) -> str | None:
    completion = await client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": question}],
        max_completion_tokens=48,
    )
    return completion.choices[0].message.content


asyncio.run(main())
