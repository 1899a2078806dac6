"""Sending a plan: question first, then the calls; a passing fault begins the step again with its question."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from learning.release.deposit.calls import Call, FileBody, Found, Known, Plan, Question, Step, filled
from learning.release.deposit.dry_run import headers
from learning.release.errors import DepositDelayed, DepositRefused

TRIES = 6
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 300.0
TIMEOUT_S = 120.0
LARGEST_ANSWER = 1 << 24
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
NOTHING_YET = frozenset({404, 410})
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class _Passing(Exception):
    """A fault that may be gone in a while; `wait_s` is what the target asked for."""

    def __init__(self, said: str, wait_s: float | None = None) -> None:
        super().__init__(said)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Progress:
    """What has been done so far: variables learnt, names of the steps done."""

    known: dict[str, str]
    done: list[str]


def _no_fault(_: str) -> None:
    """No fault is planted."""


class Sender:
    """Sends one plan. `kept` is told after each step, and must have written it down when it returns."""

    def __init__(
        self,
        plan: Plan,
        *,
        token: str,
        progress: Progress,
        kept: Callable[[Progress], None],
        first_wait_s: float = FIRST_WAIT_S,
        faultpoint: Callable[[str], None] = _no_fault,
    ) -> None:
        self.plan, self.token, self.progress, self.kept = plan, token, progress, kept
        self.first_wait_s, self.faultpoint = first_wait_s, faultpoint
        self.progress.known.update({name: value for name, value in plan.known.items() if name not in progress.known})

    def send(self, *, publish: bool) -> None:
        """Do every step that is not done; the last ones only with `publish`.

        Raises: DepositRefused (the target says no), DepositDelayed (it does not answer, or asks for a long wait).
        """
        for step in self.plan.steps:
            if step.name in self.progress.done or (step.last and not publish):
                continue
            if step.gives not in self.progress.known:
                self._step(step)
            self.progress.done.append(step.name)
            self.kept(self.progress)
            self.faultpoint(f"deposit:{step.name}")

    def _step(self, step: Step) -> None:
        said = ""
        for attempt in range(TRIES):
            try:
                self._tried(step)
                return
            except _Passing as fault:
                said = str(fault)
                if fault.wait_s is not None and fault.wait_s > LONGEST_WAIT_S:
                    break
                if attempt + 1 < TRIES:
                    time.sleep(fault.wait_s if fault.wait_s is not None else self.first_wait_s * 2**attempt)
        raise DepositDelayed(
            f"{self.plan.target} did not take {step.name!r} ({said}): run the same command later, it goes on from here"
        )

    def _tried(self, step: Step) -> None:
        hints: dict[str, str] = {}
        if step.question is not None:
            found = self._asked(step, step.question)
            self._learn(found, hints)
            if found.done:
                return
        for call in step.calls:
            there = {**self.progress.known, **hints}
            if (call.needs and call.needs not in there) or (call.unless and call.unless in there):
                continue
            self.faultpoint(f"deposit:before {step.name}: {call.name}")
            status, body = self._request(call, there)
            self.faultpoint(f"deposit:after {step.name}: {call.name}")
            if status not in call.accepts:
                raise DepositRefused(self._refusal(step, call, status, body))
            if call.reads is not None:
                self._learn(self._read(step, call.reads, body), hints)

    def _asked(self, step: Step, question: Question) -> Found:
        asked = Call("ask", question.method, question.address, question.body, accepts=(200,))
        status, body = self._request(asked, self.progress.known)
        if status in NOTHING_YET:
            return Found()
        if status != 200:
            raise DepositRefused(self._refusal(step, asked, status, body))
        return self._read(step, question.read, body)

    def _read(self, step: Step, reads: Callable[[Any], Found], body: bytes) -> Found:
        try:
            return reads(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            why = f"{type(error).__name__}: {error}"
            raise DepositRefused(f"{self.plan.target}, {step.name}: an answer that cannot be used ({why})") from error

    def _learn(self, found: Found, hints: dict[str, str]) -> None:
        self.progress.known.update(found.known)
        hints.update(found.hints)

    def _refusal(self, step: Step, call: Call, status: int, body: bytes) -> str:
        said = body[:400].decode("utf-8", "replace").replace(self.token or "\0", "(token)")
        hint = {401: " Look at the token in the settings.", 403: " Look at what the token may do."}.get(status, "")
        return f"{self.plan.target} answered {status} to {step.name!r} ({call.name}): {said}{hint}"

    def _request(self, call: Call, there: Known) -> tuple[int, bytes]:
        """One request; status and body of the answer. Redirects are not followed: they could carry the token away.

        Raises: _Passing, DepositRefused (an address that is neither https nor on this machine).
        """
        address = filled(call.address, there)
        parts = urlsplit(address)
        if parts.hostname is None or not (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        ):
            raise DepositRefused(f"{self.plan.target} gave the address {address[:100]}, which is not https")
        sent = headers(call, self.plan)
        if call.headers_of in there:
            sent |= {str(name): str(value) for name, value in json.loads(there[call.headers_of]).items()}
        if f"{parts.scheme}://{parts.netloc}" == self.plan.origin:
            name, before = self.plan.authorisation
            sent[name] = f"{before}{self.token}"
        try:
            status, wait, body = _exchanged(call, parts.scheme, parts.netloc, _target(address), sent)
        except (OSError, http.client.HTTPException) as error:
            raise _Passing(f"{type(error).__name__}: {error}"[:200]) from error
        if status in PASSING:
            raise _Passing(f"answer {status}", float(wait) if wait and wait.isdigit() else None)
        return status, body


def _target(address: str) -> str:
    parts = urlsplit(address)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _exchanged(call: Call, scheme: str, host: str, target: str, sent: dict[str, str]) -> tuple[int, str | None, bytes]:
    """Send one request, files in pieces from the disk; status, Retry-After, body."""
    connection: http.client.HTTPConnection
    if scheme == "https":
        connection = http.client.HTTPSConnection(host, timeout=TIMEOUT_S, context=ssl.create_default_context())
    else:
        connection = http.client.HTTPConnection(host, timeout=TIMEOUT_S)
    try:
        if isinstance(call.body, FileBody):
            with call.body.path.open("rb") as handle:
                connection.request(call.method, target, body=handle, headers=sent)
        else:
            connection.request(call.method, target, body=call.body, headers=sent)
        answer = connection.getresponse()
        body = answer.read(LARGEST_ANSWER)
        return answer.status, answer.headers.get("Retry-After"), body
    finally:
        connection.close()
