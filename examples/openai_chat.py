"""Ask a question with the OpenAI SDK."""

import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)
model = client.models.list().data[0].id

completion = client.chat.completions.create(
    model=model,
    messages=[
        {"role": "system", "content": "Answer in one sentence."},
        {"role": "user", "content": "What is the capital of France?"},
    ],
    max_completion_tokens=64,
)
print(completion.choices[0].message.content)

if usage := completion.usage:
    print(f"{model}: {usage.prompt_tokens} tokens read, {usage.completion_tokens} written")
