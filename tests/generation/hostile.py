"""Templates that would take all time or memory, whatever they are given."""

_TEXT = "('x' * 60000000)"
_ENDLESS = "{% for a in 'x' * 60000000 %}{% for b in 'x' * 60000000 %}{% endfor %}{% endfor %}"


def grown(start: str, step: str) -> str:
    """A value that grows in a loop."""
    return (
        f"{{% set ns = namespace(v={start}) %}}"
        f"{{% for i in range(60) %}}{{% set ns.v = {step} %}}{{% endfor %}}{{{{ ns.v }}}}"
    )


MEMORY = {
    "center": "{{ 'x'.center(2500000000) }}",
    "center, a filter": "{{ 'x'|center(2500000000) }}",
    "a width": "{{ '%2500000000d'|format(1) }}",
    "another width": "{{ '{:>2500000000}'.format(1) }}",
    "zfill": "{{ '1'.zfill(2500000000) }}",
    "replace": "{{ ('x' * 8000)|replace('x', 'y' * 60000000)|length }}",
    "a list": "{% set q = [] %}{% for i in range(999) %}{{ q.append('x' * 60000000) }}{% endfor %}",
    "doubled lists": grown("['x']", "[ns.v, ns.v]|join"),
    "doubled texts": grown("'x'", "'%s%s'|format(ns.v, ns.v)"),
}
"""What ends at once, for want of room."""

TIME = {
    "indented JSON": "{{ {'a': {'b': 1}}|tojson(indent=1000000000) }}",
    "a power": "{{ 10 ** 1000 ** 1000 ** 3 }}",
    "powers": grown("10", "ns.v ** 1000"),
    "products": grown("3", "ns.v * ns.v"),
    "wordwrap": f"{{{{ {_TEXT}|wordwrap(1) }}}}",
    "a date": "{{ strftime_now('%Y' * 30000000) }}",
    "batch": "{{ (['x'] * 30000000)|batch(1)|list }}",
    "indent": "{{ ('x\n' * 30000000)|indent(1000) }}",
    "urlize": "{{ ('x ' * 30000000)|urlize }}",
    "striptags": "{{ ('<' * 60000000)|striptags }}",
    "filters of filters": f"{{{{ {_TEXT}|map('upper')|map('lower')|list|length }}}}",
    "loops": _ENDLESS,
    "lipsum": "{{ lipsum(n=100000, max=100000) }}",
    "groupby": "{{ ('x,' * 30000000).split(',')|groupby('a')|list }}",
    "tabs": "{{ ('\t' * 60000000).expandtabs(1000)|length }}",
}
"""What takes time, in Python or in one call into C, until that is up."""

DEPTH = {
    "a macro": "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
    "a loop": "{% for i in range(3) recursive %}{{ loop(range(3)) }}{% endfor %}",
}
BROKEN = {
    "brackets": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "signs": "{{ " + "-" * 100000 + "1 }}",
    "blocks": "{% if x %}" * 3000 + "{% endif %}" * 3000,
}
"""What is too deep to be compiled: the model gets its family's template."""
