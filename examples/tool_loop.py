"""Let the model call a function of this program, and see its arguments while it writes them."""

import os

from openai import LengthFinishReasonError, OpenAI, pydantic_function_tool
from openai.types.chat import ChatCompletionMessageParam, ParsedChatCompletionMessage
from pydantic import BaseModel, Field


class CountLetters(BaseModel):
    """Count how often a letter is in a word."""

    word: str = Field(min_length=1, max_length=30)
    letter: str = Field(min_length=1, max_length=1)

    def run(self) -> str:
        """Do what the model has asked for."""
        return str(self.word.lower().count(self.letter.lower()))


client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)
model = client.models.list().data[0].id
messages: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "Count the letter r in the word strawberry."}
]


def answer(tool_choice: str) -> ParsedChatCompletionMessage[None]:
    """Print the model's answer as it comes, and return it."""
    with client.chat.completions.stream(
        model=model,
        messages=messages,
        tools=[pydantic_function_tool(CountLetters, name="count_letters")],
        tool_choice=tool_choice,
        max_completion_tokens=256,
    ) as stream:
        for event in stream:
            if event.type == "content.delta":
                print(event.delta, end="", flush=True)
            elif event.type == "tool_calls.function.arguments.delta":
                print(event.arguments_delta, end="", flush=True)
        print()
        return stream.get_final_completion().choices[0].message


try:
    message = answer("required")  # this question needs the tool; "auto" leaves that to the model
    while message.tool_calls and len(messages) < 10:
        messages.append(message.to_dict())
        for call in message.tool_calls:
            arguments = call.function.parsed_arguments
            result = arguments.run()
            print(f"{call.function.name}({arguments}) = {result}")
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        message = answer("auto")
except LengthFinishReasonError:
    print("... (cut off)")
