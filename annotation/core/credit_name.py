"""The name under which somebody wants to be thanked in releases: plain text that can do no harm where it is printed."""

from __future__ import annotations

import unicodedata

from annotation.errors import InvalidCreditName

SHORTEST, LONGEST = 2, 60
MOST_MARKS = 2  # combining marks in a row: more pile up over the lines around
ALLOWED_PUNCTUATION = frozenset(" '’.,-&()·")


def checked_credit_name(text: str) -> str:
    """The name in Unicode's composed form (NFC), without spaces around it.

    It begins with a letter and holds letters with their marks, digits, spaces and `'’.,-&()·` only: so no address, no
    markup, no line break, and none of the invisible characters that turn the direction of text or hide in it (general
    categories Cc, Cf, Zl, Zp).

    Raises: InvalidCreditName, which names what was met.
    """
    name = unicodedata.normalize("NFC", text).strip(" ")
    if not SHORTEST <= len(name) <= LONGEST:
        raise InvalidCreditName(
            f"The name has {len(name)} characters: give {SHORTEST} to {LONGEST}, or leave it empty not to be named."
        )
    marks = 0
    for char in name:
        kind = unicodedata.category(char)
        marks = marks + 1 if kind.startswith("M") else 0
        if marks > MOST_MARKS or not (kind[0] in "LM" or kind == "Nd" or char in ALLOWED_PUNCTUATION):
            raise InvalidCreditName(
                f"The name holds U+{ord(char):04X} ({unicodedata.name(char, 'no visible character')}): use letters, "
                "digits, spaces and . , - & ' ( ) only; an address is never published."
            )
    if not name[0].isalpha():
        raise InvalidCreditName(f"The name begins with {name[0]!r}: begin with a letter.")
    return name
