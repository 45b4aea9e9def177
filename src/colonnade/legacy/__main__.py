"""FlowGen's options as a page: ``python -m colonnade.legacy > docs/flowgen-options.md``."""

from colonnade.legacy import chat_options, load_options
from colonnade.legacy.option_table import page

_PAGE = """\
# FlowGen's options

What becomes of each option that FlowGen's `/load` and `/chat` know. Honoured options work as
they did in llama-cpp-python; what is ignored is named in the answer's `warnings`; what is refused
is a 400 that names it. `null` asks for nothing, anywhere. An option of the other route, or one that
nobody knows, is ignored with a warning.

## `/load`

`model_path` is a file below a directory that `--models-dir` names, absolute or relative to it, or
`demo` for the embedded model. `tokenizer_name` helps to find a chat template where the file has
none. Defaults: {load}.

{load_table}

## `/chat`

Defaults: {chat}.

{chat_table}
"""


def _listed(defaults: dict[str, object]) -> str:
    return ", ".join(f"`{name}` {value}" for name, value in defaults.items())


if __name__ == "__main__":
    print(
        _PAGE.format(
            load=_listed(load_options.DEFAULTS),
            load_table="\n".join(page(load_options.OPTIONS)),
            chat=_listed(chat_options.DEFAULTS),
            chat_table="\n".join(page(chat_options.OPTIONS)),
        ),
        end="",
    )
