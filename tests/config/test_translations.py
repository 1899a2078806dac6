"""Every message a person may read is in French, with its placeholders, and reaches the browser."""

from __future__ import annotations

import ast
import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

REPOSITORY = Path(__file__).resolve().parents[2]
FRENCH = REPOSITORY / "locale" / "fr" / "LC_MESSAGES"
SOURCES = ("annotation", "learning", "platform/config", "platform/demo", "frontend/src")
DOMAINS = {"django": ["html", "txt", "py"], "djangojs": ["ts"]}
PLACES = re.compile(r"%\(\w+\)s")
UNBOUND = re.compile(r"\S [:;?!»](?:\s|$)|« ")


@dataclass
class Message:
    """One entry of a catalogue."""

    id: str = ""
    plural: str = ""
    texts: list[str] = field(default_factory=list)
    fuzzy: bool = False
    obsolete: bool = False


def read_catalogue(text: str) -> dict[str, Message]:
    """Entries of a .po file by msgid, without its header."""
    found: dict[str, Message] = {}
    for block in re.split(r"\n\s*\n", text.strip()):
        message, target = Message(), ""
        for line in block.splitlines():
            if line.startswith("#,") and "fuzzy" in line:
                message.fuzzy = True
            elif line.startswith("#~"):
                message.obsolete = True
            elif keyword := re.match(r'(msgid_plural|msgid|msgstr(?:\[\d\])?) (".*")$', line):
                target, value = keyword[1], ast.literal_eval(keyword[2])
                if target.startswith("msgstr"):
                    message.texts.append(value)
                else:
                    setattr(message, "plural" if target == "msgid_plural" else "id", value)
            elif line.startswith('"'):
                value = ast.literal_eval(line)
                if target.startswith("msgstr"):
                    message.texts[-1] += value
                elif target == "msgid_plural":
                    message.plural += value
                else:
                    message.id += value
        if message.id and not message.obsolete:
            found[message.id] = message
    return found


def untranslated(wanted: dict[str, Message], given: dict[str, Message]) -> list[str]:
    """Messages of the sources that the catalogue lacks, leaves empty, marks fuzzy, or gives too few forms of."""
    lacking = []
    for key, message in wanted.items():
        answer = given.get(key)
        forms = 2 if message.plural else 1
        if answer is None or answer.fuzzy or len(answer.texts) != forms or not all(answer.texts):
            lacking.append(key)
    return lacking


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Message]]:
    """What Django's own collector finds in a copy of the sources, by domain."""
    from django.test import override_settings

    folder = tmp_path_factory.mktemp("sources")
    for source in SOURCES:
        shutil.copytree(REPOSITORY / source, folder / source, ignore=shutil.ignore_patterns("__pycache__", "static"))
    found = {}
    with pytest.MonkeyPatch.context() as patch, override_settings(LOCALE_PATHS=[folder / "locale"]):
        (folder / "locale").mkdir()
        patch.chdir(folder)
        for domain, extensions in DOMAINS.items():
            call_command("makemessages", locale=["fr"], domain=domain, extensions=extensions, verbosity=0)
            collected = (folder / "locale" / "fr" / "LC_MESSAGES" / f"{domain}.po").read_text("utf-8")
            found[domain] = read_catalogue(collected)
    return found


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_message_of_the_sources_is_in_french(messages: dict[str, dict[str, Message]], domain: str) -> None:
    given = read_catalogue((FRENCH / f"{domain}.po").read_text("utf-8"))
    assert len(messages[domain]) > 100, "the collector found next to nothing"
    assert untranslated(messages[domain], given) == []


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_french_catalogue_keeps_nothing_the_sources_no_longer_say(
    messages: dict[str, dict[str, Message]], domain: str
) -> None:
    given = read_catalogue((FRENCH / f"{domain}.po").read_text("utf-8"))
    assert sorted(set(given) - set(messages[domain])) == []


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_message_is_translated_twice(domain: str) -> None:
    blocks = re.split(r"\n\s*\n", (FRENCH / f"{domain}.po").read_text("utf-8").strip())
    ids = [key for block in blocks for key in read_catalogue(block)]
    assert sorted({key for key in ids if ids.count(key) > 1}) == []


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_translation_has_the_places_of_its_message(domain: str) -> None:
    for message in read_catalogue((FRENCH / f"{domain}.po").read_text("utf-8")).values():
        for text in message.texts:
            assert sorted(PLACES.findall(text)) == sorted(PLACES.findall(message.plural or message.id)), message.id


@pytest.mark.parametrize("domain", DOMAINS)
def test_french_punctuation_never_falls_to_the_next_line(domain: str) -> None:
    for message in read_catalogue((FRENCH / f"{domain}.po").read_text("utf-8")).values():
        for text in message.texts:
            assert not UNBOUND.search(text), text


def test_the_browser_gets_the_french_messages(settings: Any) -> None:
    answer = Client(headers={"accept-language": "fr"}).get("/jsi18n/").content.decode()
    given = read_catalogue((FRENCH / "djangojs.po").read_text("utf-8"))
    absent = [key for key, message in given.items() if json.dumps(message.texts[0]) not in answer]
    assert absent == []
    english = Client(headers={"accept-language": "en"}).get("/jsi18n/").content.decode()
    assert json.dumps(given["Label this tile"].texts[0]) not in english


def test_the_reader_sees_planted_faults() -> None:
    catalogue = read_catalogue(
        'msgid ""\nmsgstr "Language: fr\\n"\n\n'
        'msgid "good"\nmsgstr "bon"\n\n'
        'msgid ""\n"split "\n"line"\nmsgstr ""\n"ligne "\n"coupée"\n\n'
        '#, fuzzy\nmsgid "doubtful"\nmsgstr "douteux"\n\n'
        'msgid "empty"\nmsgstr ""\n\n'
        'msgid "file"\nmsgid_plural "files"\nmsgstr[0] "fichier"\nmsgstr[1] ""\n\n'
        '#~ msgid "gone"\n#~ msgstr "parti"\n'
    )
    assert list(catalogue) == ["good", "split line", "doubtful", "empty", "file"]
    assert catalogue["split line"].texts == ["ligne coupée"]
    wanted = {**catalogue, "missing": Message(id="missing")}
    assert untranslated(wanted, catalogue) == ["doubtful", "empty", "file", "missing"]
    assert UNBOUND.search("oui : non") and UNBOUND.search("« a »") and not UNBOUND.search("oui\u00a0: à 12:30")
