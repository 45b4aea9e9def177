"""Get an answer as an object of a class of one's own."""

import os
from enum import Enum

from openai import OpenAI
from pydantic import BaseModel, Field


class Size(Enum):
    """How large a pet is."""

    SMALL = "small"
    LARGE = "large"


class Pet(BaseModel):
    """A pet."""

    name: str = Field(max_length=30)
    size: Size


class Person(BaseModel):
    """A person and all of their pets."""

    name: str = Field(max_length=30)
    age: int = Field(ge=0, le=130)
    pets: list[Pet] = Field(max_length=3)


client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)

completion = client.chat.completions.parse(
    model=client.models.list().data[0].id,
    messages=[
        {"role": "user", "content": "Alice is 31 years old and has a large dog. It is called Rex."}
    ],
    response_format=Person,
    max_completion_tokens=512,
)
person = completion.choices[0].message.parsed
if person is None:
    raise SystemExit("The model refused.")
print(person.model_dump_json(indent=2))
