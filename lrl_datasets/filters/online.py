"""What leads to a person on a network: email addresses, links with a secret, IP addresses, social handles.

By form alone; what each leaves alone is said at its function. A text without `@`, `://`, a profile's or an
invitation's address, or four numbers with dots costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_network

Span = tuple[int, int]

NEEDED = (
    r"@|://|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}|[23][0-9a-fA-F]{3}:[0-9a-fA-F]{0,4}:"
    r"|(?:\.com|\.net|\bt\.me|whatsapp\.com)/"
    r"|(?i:\big\b|insta|twitter|tik ?tok|snapchat|facebook|\bfb\b|telegram|threads)[^\n]{0,60}[:=]"
)
"""A text without this has nothing that is found here."""

# ---- email addresses ------------------------------------------------------------------------------------

_EMAIL = re.compile(
    r"(?:mailto:)?(?![\w.+%'-]{0,64}@[23]x\.)"
    r"[^\W_](?:[\w.+%'-]{0,62}[\w+%-])?@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}"
)


def emails(text: str) -> Iterator[Span]:
    """Yield where email addresses stand; `git@host` and the file name `icon@2x.png` are none."""
    if "@" in text:
        yield from (found.span() for found in _EMAIL.finditer(text) if not found[0].startswith("git@"))


# ---- links ----------------------------------------------------------------------------------------------

_LINK = re.compile(
    r"(?<![\w.])(?:[A-Za-z][A-Za-z0-9+.-]{1,9}://|(?=chat\.whatsapp\.com|t\.me/))[^\s<>\"'`\[\]|]+"
)
_PASSWORD = re.compile(r"://[^/?#@:]*:[^/?#@]+@")
_PARAMETER = re.compile(r"[?&;#]([\w.\[\]-]{1,40})=([^&;#]*)")
_SECRET = re.compile(
    r"(?:token|secret|sig|signature|passwd|password|pwd|passcode|jwt|auth|credential)s?$", re.I
)
_PERHAPS = re.compile(
    r"(?:^|[_.-]|api|access)(?:key|code|sid|session|sessionid|otp|ticket|hash|invite)$", re.I
)
_RANDOM = re.compile(r"(?=[^\d]*\d)(?=[^A-Za-z]*[A-Za-z])[\w.~%+/=-]{8,}")
_EXAMPLE = re.compile(r"your|my_|xx|\$|%7b|\{|<|\.\.\.|…|example|token|secret|password|value", re.I)
_CAPABILITY = re.compile(
    r"(?:chat\.whatsapp\.com/(?:invite/)?[\w-]{16,}|t\.me/(?:\+|joinchat/)[\w-]{8,}|hooks\.slack\.com/services/\w+"
    r"|docs\.google\.com/(?:document|spreadsheets|presentation)/(?:u/\d/)?d/[\w-]{20,}"
    r"|drive\.google\.com/(?:file/d/|drive/(?:u/\d/)?folders/|open\?id=)[\w-]{20,}"
    r"|dropbox\.com/(?:s|sh|scl/fi)/\w{10,}|1drv\.ms/\w|we\.tl/\w)",
    re.I,
)
"""Addresses that let in whoever knows them."""


def links(text: str) -> Iterator[Span]:
    """Yield the links that hold a secret: a password, a token, a signature, an invitation.

    Other links stay, and so does a manual's `?token=YOUR_TOKEN`.
    """
    if "://" not in text and "t.me/" not in text and "whatsapp.com/" not in text:
        return
    for found in _LINK.finditer(text):
        link = found[0].rstrip(".,;:!?)}'*")
        if _PASSWORD.search(link) or _CAPABILITY.search(link) or any(map(_tells, _PARAMETER.finditer(link))):
            yield found.start(), found.start() + len(link)


def _tells(parameter: re.Match[str]) -> bool:
    name, value = parameter[1], parameter[2]
    if _EXAMPLE.match(value):
        return False
    if _SECRET.search(name):
        return len(value) >= 6
    return bool(_PERHAPS.search(name) and _RANDOM.fullmatch(value))


# ---- IP addresses ---------------------------------------------------------------------------------------

_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d|\.\w+\.)")
_IPV6 = re.compile(r"(?<![\w:.])[23][0-9a-fA-F]{3}:[0-9a-fA-F:]{2,34}(?![\w:])")
_NOBODYS = tuple(
    map(ip_network, ("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
                     "224.0.0.0/3"))
)  # fmt: skip
"""Addresses that every network has, and masks: they lead to nobody."""
_VERSION = re.compile(
    r"(?:\bv\.?|§|==|>=|~=|\b(?:version|release|build|firmware|driver|patch|upgrade|update|section|chapter|clause"
    r"|toleo|matoleo|sasisho|kifungu|vifungu|sehemu|sura)\b[^\n]{0,25})$",
    re.I,
)
_IP_CUE = re.compile(r"\bIP\b[^\n]{0,20}$", re.I)


def ip_addresses(text: str) -> Iterator[Span]:
    """Yield where addresses of machines on the internet stand.

    Version and section numbers stay: after a word that says so, and where all four parts have one digit.
    """
    for found in _IPV4.finditer(text):
        before = text[max(0, found.start() - 40) : found.start()]
        try:
            address = IPv4Address(found[0])
        except AddressValueError:
            continue
        if any(address in network for network in _NOBODYS):
            continue
        if _IP_CUE.search(before) or (len(found[0]) > 7 and not _VERSION.search(before)):
            yield found.span()
    for found in _IPV6.finditer(text):
        number = found[0].rstrip(":") if not found[0].endswith("::") else found[0]
        try:
            IPv6Address(number)
        except AddressValueError:
            continue
        yield found.start(), found.start() + len(number)


# ---- social handles -------------------------------------------------------------------------------------

_AT = re.compile(r"(?<![\w@./:+-])@(?>([A-Za-z_](?:[A-Za-z0-9_.]*[A-Za-z0-9_])?))(?![\w@(/{=]|:\d|\.\w)")
_CUED = re.compile(
    r"\b(?i:instagram|insta|ig|twitter|tik ?tok|snapchat|facebook|fb|telegram|threads)"
    r"(?:\s+(?i:handle|account|username|id|akaunti|yangu|yake|yetu|ni|is))*\s*[:=]\s*"
    r"(?>([A-Za-z](?:[A-Za-z0-9_.]*[A-Za-z0-9_])?))(?![\w@(/-])"
)
_PROFILE = re.compile(
    r"(?<![\w.-])(?:https?://)?(?:www\.|m\.|web\.|mobile\.)?"
    r"(?i:(?:instagram|twitter|x|facebook|fb|tiktok|threads)\.com|threads\.net|t\.me|snapchat\.com/add|linkedin\.com/in)"
    r"/(?:profile\.php\?id=(\d{5,})|(@?[A-Za-z0-9_](?:[\w.-]{0,60}[\w])?))",
    re.ASCII,
)
_DOMAIN = re.compile(r"\.(?:com|org|net|co|me|tz|ke|ug|io)$", re.I)
_CODE = re.compile(r"```.*?(?:```|$)|`[^`\n]+`", re.S)
_CODE_WORDS = frozenset(
    """
    property staticmethod classmethod abstractmethod cached_property dataclass override overrides test before after
    beforeeach aftereach beforeall afterall deprecated autowired component service entity param params return returns
    author see throws exception version since type types typedef todo link code media import namespace supports charset
    include mixin extend use forward layer container page keyframes interface implementation protocol selector
    synthesize end class
    jit njit cache lru_cache wraps contextmanager bean controller restcontroller repository getmapping
    postmapping requestmapping springbootapplication nullable nonnull notnull functionalinterface suppresswarnings
    injectable ngmodule output input viewchild click change submit main state published binding objc available escaping
    observedobject environmentobject id column table generatedvalue everyone here all channel gmail yahoo hotmail
    outlook
    """.split()  # noqa: SIM905 — readable as a list of words
)
_CODE_MODULES = frozenset(
    """
    pytest app functools torch tf nn np unittest mock click jax numba celery router api bp blueprint tool abc
    """.split()  # noqa: SIM905
)
_PAGES = frozenset(
    """
    p reel reels tv stories explore accounts home hashtag search share sharer sharer.php intent i login signup help
    about settings
    privacy policies policy legal terms tos groups group pages page events event watch marketplace photo photos
    photo.php video videos story.php profile.php permalink.php plugins dialog tag music discover foryou following live
    joinchat s addstickers iv messages notifications download business ads developers compose web index.html
    """.split()  # noqa: SIM905
)
"""What stands in the place of a name and is none."""


def handles(text: str) -> Iterator[Span]:
    """Yield where names of people's pages on social networks stand, with their `@`.

    Of a profile's address only the name. Decorators and annotations of code, npm scopes and what stands in
    backticks stay; whether a page is a person's or an organisation's cannot be told.
    """
    code = [found.span() for found in _CODE.finditer(text)] if "`" in text else []
    if "@" in text:
        for found in _AT.finditer(text):
            name = found[1].lower()
            if len(name) < 3 or len(name) > 30 or name in _CODE_WORDS:
                continue
            if name.partition(".")[0] in _CODE_MODULES or any(a <= found.start() < b for a, b in code):
                continue
            yield found.span()
    for found in _CUED.finditer(text):
        if re.search(r"[\d_.]", found[1]) and not _DOMAIN.search(found[1]) and 3 <= len(found[1]) <= 30:
            yield found.span(1)
    for found in _PROFILE.finditer(text):
        group = 1 if found[1] else 2
        if found[group].lower().lstrip("@") not in _PAGES and len(found[group]) >= 3:
            yield found.span(group)
