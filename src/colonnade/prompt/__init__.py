"""From messages to the text of a prompt: chat templates.

Pure text. A template comes out of the model file, out of a file that the operator names, or out of
the packaged ones; this room runs it in a sandbox, in bounds, on messages put into a shape that it
accepts. It tokenizes nothing, knows no endpoint and no engine, and opens no file but templates.
"""

from colonnade.prompt.choose import choose_template
from colonnade.prompt.guard import Guard
from colonnade.prompt.packaged import packaged_templates
from colonnade.prompt.template import ChatTemplate

__all__ = ["ChatTemplate", "Guard", "choose_template", "packaged_templates"]
