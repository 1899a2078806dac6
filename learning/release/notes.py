"""Notes of a release in words, in French and English, from the facts that `changes` holds. Markdown, no HTML.

A first paragraph that stands alone (it is in the README too), then a list. Maintainers may put words of their own in
its place; the table of polygons by class is always made of the facts.
"""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from learning.release import layout
from learning.release.changes import ModelFigures, ReleaseChanges
from learning.release.contents import ReleaseContents
from learning.release.errors import InvalidContents
from learning.release.rules import EMAIL
from learning.release.text import write_text

LANGUAGES = ("fr", "en")
LONGEST = 20_000
_HIDDEN = {"Cf", "Cs", "Co", "Zl", "Zp"}
Names = Mapping[str, Mapping[str, str]]  # class code → name by language


def checked_notes(text: str) -> str:
    """Notes as people typed them, with LF line ends and nothing around.

    Raises: InvalidContents (too long, an address, a character that is not seen or turns the direction of text).
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) > LONGEST:
        raise InvalidContents(f"the notes have {len(text)} characters; shorten them to {LONGEST}")
    found = EMAIL.search(text)
    if found:
        raise InvalidContents(f"the notes hold the address {found.group()}; an address is never published")
    for char in text:
        kind = unicodedata.category(char)
        if kind in _HIDDEN or (kind == "Cc" and char not in "\n\t"):
            raise InvalidContents(f"the notes hold U+{ord(char):04X}, which is not seen; remove it")
    return text


def first_paragraph(text: str) -> str:
    """The text up to its first empty line."""
    return text.strip().partition("\n\n")[0]


def generated_notes(changes: ReleaseChanges, names: Names, language: str) -> str:
    """What changed, in words, in one language."""
    words = _French(names) if language == "fr" else _English(names)
    lines = [f"- {line}" for line in words.details(changes)]
    return "\n".join([words.lead(changes), "", *lines]).strip()


def notes_document(title: str, texts: Mapping[str, str], changes: ReleaseChanges, names: Names) -> str:
    """NOTES.md: both languages, each with the table of polygons by class.

    Args:   title: the release's, with its version. texts: a maintainer's words by language; where there are none,
            those made of the facts.
    """
    parts = [f"# {title}\n"]
    for language in LANGUAGES:
        words = _French(names) if language == "fr" else _English(names)
        text = texts.get(language) or generated_notes(changes, names, language)
        parts.append(f"## {words.NAME}\n\n{text}\n\n{words.table(changes)}")
    return "\n".join(parts)


def notes_in(contents: ReleaseContents, language: str) -> str:
    """What a release says of itself in one language; nothing of one that was frozen before there were notes."""
    if contents.changes is None:
        return ""
    names = {item.code: item.name for item in contents.nomenclature.classes}
    return contents.notes.get(language) or generated_notes(contents.changes, names, language)


def write_notes(root: Path, contents: ReleaseContents) -> None:
    """Write NOTES.md, and CREDITS.md where somebody asked to be named."""
    if contents.changes is not None:
        names = {item.code: item.name for item in contents.nomenclature.classes}
        title = f"{contents.title['fr']} {contents.version}"
        write_text(root / layout.NOTES, notes_document(title, contents.notes, contents.changes, names))
    if contents.credits:
        write_text(root / layout.CREDITS, credits_document(contents.credits))


def credits_document(names: tuple[str, ...]) -> str:
    """CREDITS.md: who labelled and asked to be named, in alphabetical order."""
    listed = "".join(f"- {name}\n" for name in names)
    return (
        "# Remerciements / Credits\n\n"
        "Ont étiqueté ce que cette publication contient, et ont demandé à être nommés ; d'autres ne l'ont pas "
        "demandé.\n\n"
        "They labelled what this release holds and asked to be named; others did not ask.\n\n"
        f"{listed}"
    )


def credited_in_document(text: str) -> tuple[str, ...]:
    """The names that `credits_document` wrote, in its order."""
    return tuple(line.removeprefix("- ") for line in text.splitlines() if line.startswith("- "))


class _Words(ABC):
    """What both languages share: which facts are told, in which order. Each language has the words."""

    NAME: str
    HEAD: str
    NO_CHANGE: str
    LANGUAGE: str
    BEFORE: str
    NEW_CLASSES: str
    RETIRED: str
    LICENCE: str
    NO_MODEL: str
    MODEL_GONE: str
    SAME_MODEL: str
    MODEL: str
    MODEL_BEFORE: str
    NO_MAP: str

    def __init__(self, names: Names) -> None:
        self.names = names

    def classes(self, codes: tuple[str, ...]) -> str:
        return ", ".join(f"{code} {self.names.get(code, {}).get(self.LANGUAGE, '')}".strip() for code in codes)

    def table(self, changes: ReleaseChanges) -> str:
        """Polygons by class, those of classes that are as they were left out."""
        rows = [
            f"| {code} | {self.names.get(code, {}).get(self.LANGUAGE, '').replace('|', '/')} | {counts.added} "
            f"| {counts.changed} | {counts.removed} |"
            for code, counts in sorted(changes.polygons.items())
            if counts.total
        ]
        return "\n".join([self.HEAD, "|---|---|---:|---:|---:|", *rows, ""]) if rows else f"{self.NO_CHANGE}\n"

    def listed(self, parts: list[str], joint: str) -> str:
        return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {joint} {parts[-1]}"

    def details(self, changes: ReleaseChanges) -> list[str]:
        """One sentence a fact, beside the first."""
        lines = []
        if changes.previous is not None:
            before = "" if changes.tiles_before is None else self.BEFORE.format(changes.tiles_before)
            new = self.newcomers(changes.new_contributors) if changes.new_contributors else ""
            lines.append(f"{self.by_whom(changes, before)}{new}.")
        if changes.classes_added and changes.previous is not None:
            lines.append(self.NEW_CLASSES.format(self.classes(changes.classes_added)))
        if changes.classes_retired:
            lines.append(self.RETIRED.format(self.classes(changes.classes_retired)))
        if changes.reports_fixed:
            lines.append(self.corrected(changes.reports_fixed))
        lines.append(self.model(changes))
        if changes.licence_before and changes.licence != changes.licence_before:
            lines.append(self.LICENCE.format(changes.licence, changes.licence_before))
        return lines

    def model(self, changes: ReleaseChanges) -> str:
        now, before = changes.model, changes.model_before
        if now is None:
            return self.MODEL_GONE if before else self.NO_MODEL
        drawn = "" if changes.has_map else self.NO_MAP
        if not changes.has_other_model:
            return f"{self.SAME_MODEL.format(self.judged(now))}{drawn}"
        after = self.MODEL_BEFORE.format(self.judged(before)) if before else ""
        return f"{self.MODEL.format(self.judged(now))}{after}{drawn}"

    @abstractmethod
    def lead(self, changes: ReleaseChanges) -> str: ...

    @abstractmethod
    def by_whom(self, changes: ReleaseChanges, before: str) -> str: ...

    @abstractmethod
    def newcomers(self, count: int) -> str: ...

    @abstractmethod
    def corrected(self, reports: int) -> str: ...

    @abstractmethod
    def judged(self, model: ModelFigures) -> str: ...


def _figures(model: ModelFigures) -> list[str] | None:
    figures = [f"{value:.3f}" for value in (model.miou, model.low, model.high) if value is not None]
    return figures if len(figures) == 3 else None


class _English(_Words):
    NAME, LANGUAGE = "English", "en"
    HEAD = "| code | class | polygons added | changed | removed |"
    NO_CHANGE = "No polygon was added, changed or removed."
    BEFORE, NEW_CLASSES = " ({} before)", "New classes: {}."
    RETIRED = "Classes that are no longer used: {}."
    LICENCE = "The licence is {}; it was {}."
    NO_MODEL, MODEL_GONE = "No model yet.", "No model is in this release any more."
    SAME_MODEL, MODEL, MODEL_BEFORE = "The same model, {}.", "Model {}.", " Before: {}."
    NO_MAP = " Its map was not ready and is not in this release."

    def lead(self, changes: ReleaseChanges) -> str:
        if changes.previous is None:
            return f"First release: {self.by_whom(changes, '')}."
        labels = changes.labels
        parts = [
            f"{_some(count, 'label')} {what}"
            for count, what in ((labels.added, "added"), (labels.changed, "corrected"), (labels.removed, "removed"))
            if count
        ]
        return f"Since {changes.previous}: {self.listed(parts, 'and') if parts else 'the same labels'}."

    def by_whom(self, changes: ReleaseChanges, before: str) -> str:
        people = _some(changes.contributors, "person", "people")
        return f"{_some(changes.tiles, 'labelled tile')}{before}, by {people}"

    def newcomers(self, count: int) -> str:
        return f", {count} of them new"

    def corrected(self, reports: int) -> str:
        return f"{_some(reports, 'reported place')} corrected."

    def judged(self, model: ModelFigures) -> str:
        figures = _figures(model)
        if figures is None:
            return f"{model.version}, not assessed"
        middle, low, high = figures
        return f"{model.version}, mean IoU on the control tiles {middle} (95% interval: {low} to {high})"


class _French(_Words):
    NAME, LANGUAGE = "Français", "fr"
    HEAD = "| code | classe | polygones ajoutés | modifiés | retirés |"
    NO_CHANGE = "Aucun polygone n'a été ajouté, modifié ou retiré."
    BEFORE, NEW_CLASSES = " ({} avant)", "Nouvelles classes : {}."
    RETIRED = "Classes qui ne servent plus : {}."
    LICENCE = "La licence est {} ; c'était {}."
    NO_MODEL, MODEL_GONE = "Pas encore de modèle.", "Il n'y a plus de modèle dans cette publication."
    SAME_MODEL, MODEL, MODEL_BEFORE = "Le même modèle, {}.", "Modèle {}.", " Avant : {}."
    NO_MAP = " Sa carte n'était pas prête et n'est pas dans cette publication."

    def lead(self, changes: ReleaseChanges) -> str:
        if changes.previous is None:
            tiles = _des(changes.tiles, "tuile étiquetée", "tuiles étiquetées")
            return f"Première publication : {tiles} par {_des(changes.contributors, 'personne')}."
        labels = changes.labels
        parts = [
            f"{_des(count, 'étiquette')} {what if count < 2 else what + 's'}"
            for count, what in ((labels.added, "ajoutée"), (labels.changed, "corrigée"), (labels.removed, "retirée"))
            if count
        ]
        return f"Depuis {changes.previous} : {self.listed(parts, 'et') if parts else 'les mêmes étiquettes'}."

    def by_whom(self, changes: ReleaseChanges, before: str) -> str:
        tiles = _des(changes.tiles, "tuile étiquetée", "tuiles étiquetées")
        return f"{tiles}{before}, par {_des(changes.contributors, 'personne')}"

    def newcomers(self, count: int) -> str:
        return f", dont {_des(count, 'nouvelle')}"

    def corrected(self, reports: int) -> str:
        return f"{_des(reports, 'lieu signalé corrigé', 'lieux signalés corrigés')}."

    def judged(self, model: ModelFigures) -> str:
        figures = _figures(model)
        if figures is None:
            return f"{model.version}, non évalué"
        middle, low, high = (figure.replace(".", ",") for figure in figures)
        return f"{model.version}, IoU moyen sur les tuiles de contrôle {middle} (intervalle à 95 % : {low} à {high})"


def _some(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _des(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count < 2 else many or one + 's'}"
