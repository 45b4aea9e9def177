"""The formats of JSON Schema that texts are held to, as regular expressions of the whole text.

Each is a list of expressions that all hold.
"""

from __future__ import annotations

_LEAP = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DATE = (
    r"(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    rf"|{_LEAP}-02-29)"
)
_TIME = (
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
    r"(?:Z|[+\-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_CLOCK = r"T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)"
_DAYS = r"(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)"
_DURATION = rf"P(?:[0-9]+W|{_DAYS}(?:{_CLOCK})?|{_CLOCK})"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*"
_ATOM = r"[A-Za-z0-9!\#$%\&'*+/=?^_`{|}\~\-]+"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_H16 = "[0-9a-fA-F]{1,4}"
_LS32 = f"(?:{_H16}:{_H16}|{_IPV4})"


def _ipv6() -> str:
    """RFC 3986's grammar: by how many groups stand behind the gap."""
    ways = [f"(?:{_H16}:){{6}}{_LS32}"]
    for behind in range(5, -1, -1):
        before = 5 - behind
        head = "" if before == 0 else f"(?:(?:{_H16}:){{0,{before - 1}}}{_H16})?"
        ways.append(f"{head}::(?:{_H16}:){{{behind}}}{_LS32}")
    ways.append(f"(?:(?:{_H16}:){{0,5}}{_H16})?::{_H16}")
    ways.append(f"(?:(?:{_H16}:){{0,6}}{_H16})?::")
    return f"(?:{'|'.join(ways)})"


_PCHAR = r"(?:[A-Za-z0-9\-._\~!$\&'()*+,;=:@]|%[0-9A-Fa-f]{2})"
_USER = r"(?:[A-Za-z0-9\-._\~!$\&'()*+,;=:]|%[0-9A-Fa-f]{2})*"
_NAME = r"(?:[A-Za-z0-9\-._\~!$\&'()*+,;=]|%[0-9A-Fa-f]{2})*"
_AUTHORITY = rf"(?:{_USER}@)?(?:\[{_ipv6()}\]|{_NAME})(?::[0-9]*)?"
_PATHS = (
    rf"(?://{_AUTHORITY}(?:/{_PCHAR}*)*|/(?:{_PCHAR}+(?:/{_PCHAR}*)*)?|{_PCHAR}+(?:/{_PCHAR}*)*)?"
)
_TAIL = rf"(?:{_PCHAR}|[/?])*"
_URI = rf"[A-Za-z][A-Za-z0-9+\-.]*:{_PATHS}(?:\?{_TAIL})?(?:\#{_TAIL})?"

FORMATS: dict[str, tuple[str, ...]] = {
    "date": (_DATE,),
    "time": (_TIME,),
    "date-time": (f"{_DATE}T{_TIME}",),
    "duration": (_DURATION,),
    "email": (rf"{_ATOM}(?:\.{_ATOM})*@{_HOST}",),
    "hostname": (_HOST, r"[A-Za-z0-9.\-]{1,253}"),
    "ipv4": (_IPV4,),
    "ipv6": (_ipv6(),),
    "uuid": ("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",),
    "uri": (_URI,),
}
