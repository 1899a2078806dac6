"""Who may call what: every route and method × seven kinds of caller, on what belongs to contributor A (T5, C10).

The table is permission_matrix.tsv. A route without a row fails: access is decided when a route is written, not later.
`python -m pytest tests/config/test_permission_matrix.py` prints the rows that are missing with what was observed:
check each status before pasting it. The steward looks after the commune in which all of the campaign lies.
"""

from __future__ import annotations

import csv
import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scenes
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, path, reverse
from django.views.generic import RedirectView
from django.views.generic.edit import ProcessFormView
from learning_rows import model_row
from map_rows import evaluation
from report_rows import report, territory
from rest_framework.test import APIClient
from sample_rows import bare_sample

from annotation.api.scopes import TokenScope, scope_of
from annotation.core.change import FoundCell
from annotation.models import ApiToken, ClassChange, Job, TeamMember, TrustAlarm, VintagePair
from annotation.querysets import AnnotationQuerySet, CampaignQuerySet, JobQuerySet
from annotation.services.annotations import save_annotation, submit_annotation
from annotation.services.change_queue import claim_change_tickets
from annotation.services.change_rounds import open_change_round
from annotation.services.gold import mark_gold
from annotation.services.invitations import invite
from annotation.services.jobs import enqueue_job
from annotation.services.people import set_role
from annotation.services.personal_data import export_path, request_export
from annotation.services.queue import claim_next_tile
from annotation.services.reports import Contact
from annotation.services.reverts import revert_user
from annotation.services.reviews import record_review
from annotation.services.teams import make_team, set_team_role
from annotation.services.territories import give_stewardship
from annotation.services.tiles import pool_mask
from annotation.services.tokens import make_token
from learning.core.error_maps import write_error_maps
from learning.models import Prediction

pytestmark = pytest.mark.django_db
TABLE = Path(__file__).with_name("permission_matrix.tsv")
CALLERS = ("anonymous", "a", "b", "steward", "reviewer", "maintainer", "operator")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
GROUPS = {"admin/": "admin/**"}  # one row for all of them: who may come in at all
NO_TOKEN = "-"


@dataclass(frozen=True)
class Route:
    """One address of the site, as the resolver has it."""

    key: str  # its name, or its text where it has none
    text: str
    arguments: tuple[str, ...]
    view: Any

    def methods(self) -> list[str]:
        """Methods its view answers; a function says nothing, so both that browsers send are tried."""
        kind = getattr(self.view, "view_class", None) or getattr(self.view, "cls", None)
        if kind is None:
            return ["GET", "POST"]
        redirects = {RedirectView.post, RedirectView.put, RedirectView.patch, RedirectView.delete}
        same_as_another = {*redirects, ProcessFormView.put}
        own = {method: getattr(kind, method.lower(), None) for method in METHODS}
        return [method for method, function in own.items() if function and function not in same_as_another]


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    route: str
    method: str
    case: str
    scope: str
    statuses: tuple[str, ...]
    body: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.route, self.method, self.case

    def line(self) -> str:
        """As it stands in the table."""
        return "\t".join([self.route, self.method, self.case, self.scope, *self.statuses, self.body])


@dataclass
class World:
    """People, and what belongs to A."""

    people: dict[str, Any]
    arguments: dict[str, Any]
    by_case: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    # One of each for all requests: a new client would load the middleware and look for every static file anew.
    browser: Any = field(default_factory=lambda: Client(raise_request_exception=False))
    api: Any = field(default_factory=lambda: APIClient(raise_request_exception=False))


def read_table() -> list[Row]:
    with TABLE.open(encoding="utf-8", newline="") as stream:
        lines = [line for line in csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE) if line][1:]
    return [Row(*line[:4], statuses=tuple(line[4:11]), body=line[11] if len(line) > 11 else "") for line in lines]


def routes_of(
    patterns: Iterable[Any], *, text: str = "", space: str = "", given: tuple[str, ...] = ()
) -> Iterator[Route]:
    """Every route below some patterns."""
    for item in patterns:
        here = text + str(item.pattern)
        names = (*given, *(item.pattern.converters or getattr(item.pattern.regex, "groupindex", {})))
        if isinstance(item, URLResolver):
            inner = f"{space}{item.namespace}:" if item.namespace else space
            yield from routes_of(item.url_patterns, text=here, space=inner, given=names)
        elif isinstance(item, URLPattern):
            yield Route(f"{space}{item.name}" if item.name else here, here, names, item.callback)


def all_routes(more: Iterable[Any] = ()) -> dict[str, Route]:
    """Routes by key, those of a group left out."""
    found: dict[str, Route] = {}
    for route in routes_of([*get_resolver().url_patterns, *more]):
        if not route.text.startswith(tuple(GROUPS)):
            assert route.key not in found, f"two routes are called {route.key!r}: give one another name"
            found[route.key] = route
    return found


def wanted_keys(routes: dict[str, Route]) -> set[tuple[str, str]]:
    own = {(route.key, method) for route in routes.values() for method in route.methods()}
    return own | {(group, "GET") for group in GROUPS.values()}


def missing_and_stale(rows: list[Row], routes: dict[str, Route]) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Routes without a row, and rows without a route."""
    wanted, given = wanted_keys(routes), {(row.route, row.method) for row in rows}
    return wanted - given, given - wanted


# --- the world ----------------------------------------------------------------------------------------------


def build_world(folder: Path) -> World:
    people = {name: scenes.person(f"caller-{name}") for name in CALLERS if name not in {"anonymous", "operator"}}
    people["operator"] = scenes.person("caller-operator", is_staff=True, is_superuser=True)
    a, maintainer = people["a"], people["maintainer"]
    layer, _truth = scenes.real_layer(folder, "camp", size_px=512)
    campaign = scenes.campaign("camp", layer=layer, tile_px=64, first_round=20, seed=1)
    set_role(campaign=campaign, user=maintainer, role="maintainer")
    set_role(campaign=campaign, user=people["reviewer"], role="reviewer")
    submitted = drawn(campaign, a)
    submit_annotation(tile=submitted.tile, annotator=a, operation_id=uuid.uuid4(), expected_version=1)
    draft = drawn(campaign, a)
    team = make_team(name="A's team", actor=a)
    TeamMember.objects.create(team=team, user=people["maintainer"])  # who may give it a role in the campaign
    set_team_role(campaign=campaign, team=team, role="annotator", actor=maintainer)
    labels = drawn(campaign, people["b"])
    submit_annotation(tile=labels.tile, annotator=people["b"], operation_id=uuid.uuid4(), expected_version=1)
    gold = gold_of(campaign, labels.tile.annotations.get(annotator=people["b"]), people["reviewer"], maintainer)
    commune = territory(campaign, folder, "32001", (0, 0, campaign.n_rows, campaign.n_cols))
    give_stewardship(territory=commune, user=people["steward"])
    reported = report(submitted.tile, reporter=a, contact=Contact("a@example.org", "en", "http://testserver"))
    alarm = TrustAlarm.objects.create(campaign=campaign, subject=a, kind=TrustAlarm.Kind.SPEED, evidence={})
    vandal = scenes.person("caller-vandal")
    drawn(campaign, vandal)
    reverted = revert_user(account=vandal, actor=people["operator"], reason="Vandalism.").revert
    assert reverted is not None
    export = request_export(user=a, actor=a)
    Job.objects.filter(pk=export.pk).update(state=Job.State.SUCCEEDED)
    export_path(export).parent.mkdir(parents=True, exist_ok=True)
    export_path(export).write_bytes(b"zip")
    invited = invite(actor=maintainer, campaign=campaign, role="reviewer")
    job = enqueue_job(kind="count", payload={}, owner=a, campaign=campaign)
    place = bare_sample(campaign)
    world = World(people, arguments={
        "slug": "camp", "grid": "web", "z": 0, "x": 0, "y": 0, "tile_id": submitted.tile.pk,
        "annotation_id": submitted.tile.annotations.get(annotator=a).pk, "token": submitted.token, "job_id": job.pk,
        "before_id": 0, "prediction_id": 1, "version": "camp-1.0.0", "path": "manifest.json", "name": "camp-1.0.0",
        "file": "polygons_public.gpkg", "numbers": "1.0.0", "page": 2,
        "token_id": make_token(user=a, name="A's script", scopes=["read"], days=7).row.pk, "user_id": a.pk,
        "team_id": team.pk, "invitation_id": invite(actor=a, team=team).invitation.pk, "secret": invited.secret,
        "gold_id": gold.pk, "report_id": reported.public_id, "kind": commune.kind, "code": commune.code,
        "table": "areas",
        "alarm_id": alarm.pk, "revert_id": reverted.pk, "provider_id": "oidc", "uidb36": "0", "key": "no-such-key",
        "pk": 1, "number": 1, "model_version": "camp-m9", "collection_id": "camp.annotations", "feature_id": "1.a",
        "anything": "queryables",
        "sample_id": place.sample_id, "unit_id": place.pk,
    })  # fmt: skip
    world.by_case = {
        "draft": {
            "tile_id": draft.tile.pk,
            "annotation_id": draft.tile.annotations.get(annotator=a).pk,
            "token": draft.token,
        },
        "export": {"job_id": export.pk},
        "reviewer": {"user_id": people["reviewer"].pk},
        "maintainer": {"user_id": maintainer.pk},
        "stop": {"token": reported.contact.stop_token},
        "campaign": {"invitation_id": invited.invitation.pk},
        "requested": {"prediction_id": map_on_request(campaign), "file": "class.tif"},
        "absent": {"prediction_id": 10**9, "file": "class.tif"},
        "ruled": {},
        "changed": {"number": change_of_classes(campaign)},
        "judged": {"number": 9, "tile_id": model_with_errors(campaign)},
    }
    world.arguments |= compared_ground(campaign, a)
    for name, user in people.items():
        client = Client()
        client.force_login(user)
        world.sessions[name] = client.cookies[settings.SESSION_COOKIE_NAME].value
    return world


def compared_ground(campaign: Any, a: Any) -> dict[str, int]:
    """A round of questions about change: one tile of two is in A's hands."""
    first = scenes.virtual_layer("camp-before")
    pair = VintagePair.objects.create(first=first, second=campaign.layer)
    places = [(int(row), int(col)) for row, col in np.argwhere(pool_mask(campaign))[-2:]]
    rings = (((0, 0), (80, 0), (80, 80), (0, 80)),)
    cells = [
        FoundCell(*places[0], rings, *scenes.TWO_CLASSES, 1.0),
        FoundCell(*places[1], rings, *scenes.TWO_CLASSES, 0.5),
    ]
    open_change_round(campaign=campaign, pair=pair, cells=cells, control_share=0.0)
    [ticket] = claim_change_tickets(campaign=campaign, annotator=a, wanted=1)
    [cell] = ticket.round.cells.filter(tile=ticket.tile)
    return {"ticket_id": ticket.pk, "cell_id": cell.pk, "pair_id": pair.pk}


def gold_of(campaign: Any, labels: Any, reviewer: Any, maintainer: Any) -> Any:
    """A gold tile made of labels that wait for a review."""
    record_review(
        annotation_id=labels.pk, reviewer=reviewer, verdict="accept", operation_id=uuid.uuid4(), expected_version=1
    )
    return mark_gold(campaign=campaign, annotation_id=labels.pk, actor=maintainer)


def change_of_classes(campaign: Any) -> int:
    """A planned change of classes, by its id."""
    planned = ClassChange.objects.create(campaign=campaign, before=campaign.nomenclature, plan=[], reason="Who may?")
    return int(planned.pk)


def model_with_errors(campaign: Any) -> int:
    """A model, camp-m9, with a map of its errors on one control tile, whose id is returned."""
    tile = campaign.tiles.filter(role="holdout").first()
    figures = evaluation(model_row(campaign, state="rejected", number=9), 0.8)
    figures.error_maps = "camp/permissions.errors.zip"
    figures.save()
    path = Path(settings.MODELS_DIR) / figures.error_maps
    write_error_maps(path, [(tile.pk, np.ones((64, 64), np.uint8))])
    return int(tile.pk)


def map_on_request(campaign: Any) -> int:
    """A map that was made on request, by its id."""
    made = Prediction.objects.create(
        model=model_row(campaign, state="rejected", number=8), layer=campaign.layer, folder="on-request",
        request_sha256="5" * 64, state="ready", mean_entropy_nats=0.5, files={"class.tif": "c" * 64},
    )  # fmt: skip
    made.path("").mkdir(parents=True, exist_ok=True)
    made.path("class.tif").write_bytes(b"tif")
    return int(made.pk)


def drawn(campaign: Any, person: Any) -> Any:
    """A tile's lease on which this person has saved one square."""
    lease = claim_next_tile(campaign=campaign, annotator=person)
    assert lease is not None
    features = [scenes.square(scenes.TWO_CLASSES[0], 0, 0, 10)]
    save_annotation(tile=lease.tile, annotator=person, features=features, operation_id=uuid.uuid4(), expected_version=0)
    return lease


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Built once; each request is undone."""
    with django_db_blocker.unblock():
        kept = transaction.atomic()
        kept.__enter__()
        try:
            with connection.cursor() as cursor:  # as it is where people work, which /readyz looks at
                cursor.execute("SET LOCAL synchronous_commit TO on")
            yield build_world(tmp_path_factory.mktemp("world"))
        finally:
            transaction.set_rollback(True)
            kept.__exit__(None, None, None)


# --- one request --------------------------------------------------------------------------------------------


def addresses(world: World, row: Row, routes: dict[str, Route]) -> list[str]:
    """Where a row's request goes: one address, or those of its group."""
    values = world.arguments | world.by_case.get(row.case, {})
    if row.route in GROUPS.values():
        (prefix,) = (start for start, group in GROUPS.items() if group == row.route)
        return [
            address_of(route, dict.fromkeys(route.arguments, 1) | {"app_label": "auth", "url": "none"})
            for route in routes_of(get_resolver().url_patterns)
            if route.text.startswith(prefix)
        ]
    return [address_of(routes[row.route], values)]


def address_of(route: Route, values: dict[str, Any]) -> str:
    if route.key == route.text:  # without a name: a fixed text
        return "/" + route.text.replace("(?P<url>.*)$", "none")
    return reverse(route.key, kwargs={name: values[name] for name in route.arguments})


def status_for(world: World, caller: str, row: Row, address: str, *, token: str = "") -> str:
    """The status that one caller gets; what the request did is undone."""
    is_api = address.startswith("/api/")
    client = world.api if is_api else world.browser
    client.cookies.clear()
    if caller in world.sessions and not token:
        client.cookies[settings.SESSION_COOKIE_NAME] = world.sessions[caller]
    body = json.loads(row.body) if row.body else {}
    made = {"@new": str(uuid.uuid4())} | {f"@{name}": value for name, value in world.arguments.items()}
    body = {name: made.get(value, value) if isinstance(value, str) else value for name, value in body.items()}
    headers = {"authorization": f"Bearer {token}"} if token else {}
    with transaction.atomic():
        send = getattr(client, row.method.lower())
        more = {"format": "json"} if is_api and row.method != "GET" else {}
        answer = send(address, body, headers=headers, **more)
        transaction.set_rollback(True)
    if is_api and answer.status_code >= 400 and "v1" in address:
        assert set(json.loads(answer.content)["error"]) == {"code", "message", "details"}, (address, answer.content)
    return str(answer.status_code)


def observed(world: World, row: Row, routes: dict[str, Route]) -> tuple[str, ...]:
    """What every caller gets; of a group, "in" where some page is shown, else "out"."""
    found = []
    every = addresses(world, row, routes)
    for number, caller in enumerate(CALLERS):
        # All of a group for two callers, a share each for the others: the admin has some 150 addresses.
        asked = every if caller in {"anonymous", "a"} or len(every) == 1 else every[number % 5 :: 5]
        statuses = {status_for(world, caller, row, address) for address in asked}
        if row.route in GROUPS.values() and not any(status.startswith("5") for status in statuses):
            statuses = {"in" if "200" in statuses else "out"}
        found.append("/".join(sorted(statuses)))
    return tuple(found)


def differences(world: World, rows: list[Row], routes: dict[str, Route]) -> list[str]:
    """Rows whose statuses are not what is written."""
    wrong = []
    for row in rows:
        got = observed(world, row, routes)
        if got != row.statuses:
            wrong.append(f"{row.route} {row.method} {row.case}: expected {row.statuses}, got {got}")
    return wrong


# --- tests --------------------------------------------------------------------------------------------------


def test_every_route_and_method_has_a_row_and_every_row_a_route(world: World) -> None:
    routes = all_routes()
    missing, stale = missing_and_stale(read_table(), routes)
    lines = []
    for route, method in sorted(missing):
        scope = (scope_of_route(routes[route], method) if route in routes else None) or NO_TOKEN
        row = Row(route, method, "", scope, (), "")
        got = observed(world, row, routes)
        lines.append(Row(route, method, "", scope, got, "").line())
    told = "\n".join(["Check each status of these rows, then add them to permission_matrix.tsv:", *lines])
    assert not missing, told
    assert not stale, f"rows of permission_matrix.tsv without a route: {sorted(stale)}"


def test_every_caller_gets_what_the_table_says(world: World) -> None:
    rows = read_table()
    assert len({row.key for row in rows}) == len(rows), "a row stands twice"
    wrong = differences(world, rows, all_routes())
    assert not wrong, "\n".join(wrong)


def test_nothing_in_the_table_is_a_failure() -> None:
    assert [row.line() for row in read_table() if any(status.startswith("5") for status in row.statuses)] == []


def test_a_new_route_without_a_row_is_seen_and_so_is_a_row_without_a_route() -> None:
    new = path("api/v1/planted/", lambda request: None, name="planted")
    rows = read_table()
    assert missing_and_stale(rows, all_routes([new]))[0] == {("planted", "GET"), ("planted", "POST")}
    gone = Row("gone", "GET", "", NO_TOKEN, ("200",) * len(CALLERS), "")
    assert missing_and_stale([*rows, gone], all_routes())[1] == {("gone", "GET")}


@pytest.mark.parametrize(
    ("queryset", "question", "route"),
    [
        (CampaignQuerySet, "reviewed_by", "review"),
        (CampaignQuerySet, "maintained_by", "campaign-people"),
        (AnnotationQuerySet, "to_review_by", "api-next-review"),
        (JobQuerySet, "visible_to", "api-job"),
    ],
)
def test_removing_one_object_permission_is_seen(
    world: World, monkeypatch: pytest.MonkeyPatch, queryset: Any, question: str, route: str
) -> None:
    if question == "to_review_by":  # the question that keeps one's own work away from oneself
        monkeypatch.setattr(CampaignQuerySet, "reviewed_by", lambda self, user: self)
    monkeypatch.setattr(queryset, question, lambda self, user: self)
    touched = [row for row in read_table() if row.route == route]
    assert touched and differences(world, touched, all_routes())


# --- tokens -------------------------------------------------------------------------------------------------


def scope_of_route(route: Route, method: str) -> str | None:
    """The scope that a token needs there; None where tokens are not known at all or refused."""
    return scope_of(getattr(route.view, "cls", None), method)


def api_rows() -> list[Row]:
    routes = all_routes()
    return [row for row in read_table() if routes.get(row.route) and routes[row.route].text.startswith("api/v1/")]


def test_every_route_of_the_api_asks_for_a_scope() -> None:
    for route in all_routes().values():
        if route.text.startswith("api/v1/"):
            kinds = [type(permission) for permission in route.view.cls().get_permissions()]
            assert TokenScope in kinds, f"{route.key}: permission_classes must hold TokenScope, as scopes.PUBLIC does"


def test_a_token_does_what_its_scope_covers_and_nothing_else(world: World) -> None:
    routes, user = all_routes(), world.people["a"]
    names = ApiToken.Scope.values
    only = {scope: make_token(user=user, name=scope, scopes=[scope], days=1).secret for scope in names}
    without = {
        scope: make_token(user=user, name=scope, scopes=[name for name in names if name != scope], days=1).secret
        for scope in names
    }
    wrong = []
    for row in api_rows():
        (address,) = addresses(world, row, routes)
        assert row.scope == (scope_of_route(routes[row.route], row.method) or NO_TOKEN), row.line()
        refused = without.get(row.scope, only["read"])
        if (got := status_for(world, "a", row, address, token=refused)) != "403":
            wrong.append(f"{row.route} {row.method}: {got} with every scope but {row.scope}")
        if row.scope != NO_TOKEN:
            got = status_for(world, "a", row, address, token=only[row.scope])
            if got != row.statuses[CALLERS.index("a")]:
                wrong.append(f"{row.route} {row.method}: {got} with {row.scope}, not as in a session")
    assert not wrong, "\n".join(wrong)
