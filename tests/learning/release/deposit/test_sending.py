from __future__ import annotations

from pathlib import Path

import pytest
from deposit_targets import Answer, Refusal, Request, Target, running

from learning.release.deposit.calls import Call, Found, Plan, Question, Step
from learning.release.deposit.dry_run import write_dry_run
from learning.release.deposit.sending import Progress, Sender
from learning.release.errors import DepositDelayed, DepositRefused, StagingRefused


class Echo(Target):
    """Takes everything, and makes one thing."""

    def answer(self, request: Request) -> Answer:
        if request.path == "/elsewhere":
            raise Refusal(302)
        return 200, {"id": "7"}


def plan_of(origin: str, *calls: Call, question: Question | None = None) -> Plan:
    return Plan("zenodo", "r-1.0.0", origin, ("Authorization", "Bearer "), (Step("one", calls, question),))


def sent(plan: Plan, **options: object) -> Progress:
    progress = Progress({}, [])
    Sender(plan, token="t0ken", progress=progress, kept=lambda _: None, first_wait_s=0.01, **options).send(publish=True)  # type: ignore[arg-type]
    return progress


def test_the_token_goes_to_the_target_alone() -> None:
    with running(Echo()) as target, running(Echo()) as other:
        sent(plan_of(target.origin, Call("a", "POST", f"{target.origin}/a"), Call("b", "POST", f"{other.origin}/b")))
        assert target.requests[0].headers["Authorization"] == "Bearer t0ken"
        assert "Authorization" not in other.requests[0].headers


def test_a_redirect_is_not_followed() -> None:
    with running(Echo()) as target:
        with pytest.raises(DepositRefused, match="answered 302"):
            sent(plan_of(target.origin, Call("a", "POST", f"{target.origin}/elsewhere")))
        assert len(target.requests) == 1


@pytest.mark.parametrize("address", ["http://example.org/a", "ftp://127.0.0.1/a", "file:///etc/passwd"])
def test_an_address_that_is_not_https_is_refused(address: str) -> None:
    with pytest.raises(DepositRefused, match="which is not https"):
        sent(plan_of("https://example.org", Call("a", "POST", address)))


def test_a_target_that_asks_for_an_hour_is_left_alone() -> None:
    with running(Echo()) as target:
        target.faults.append(("POST /a", {"status": 429, "retry_after": "3600"}))
        with pytest.raises(DepositDelayed, match="run the same command later"):
            sent(plan_of(target.origin, Call("a", "POST", f"{target.origin}/a")))
        assert len(target.requests) == 1


def test_a_step_that_is_there_already_is_not_done() -> None:
    with running(Echo()) as target:
        question = Question(f"{target.origin}/q", lambda answer: Found(done=True, known={"record": answer["id"]}))
        progress = sent(plan_of(target.origin, Call("a", "POST", f"{target.origin}/a"), question=question))
        assert [request.path for request in target.requests] == ["/q"]
        assert progress == Progress({"record": "7"}, ["one"])


def test_an_answer_without_what_is_needed_is_refused_with_its_place() -> None:
    with running(Echo()) as target:
        call = Call("a", "POST", f"{target.origin}/a", reads=lambda answer: Found(known={"x": answer["nothing"]}))
        with pytest.raises(DepositRefused, match=r"zenodo, one: an answer that cannot be used \(KeyError: 'nothing'\)"):
            sent(plan_of(target.origin, call))


def test_a_dry_run_is_written_into_an_empty_folder_alone(tmp_path: Path) -> None:
    plan = plan_of("https://a.org", Call("a", "POST", "https://a.org/a", b"{}"))
    [head] = write_dry_run(plan, tmp_path / "paper")
    assert head.read_text() == (
        "POST https://a.org/a\nAccept: application/json\nUser-Agent: solcommun\n"
        "Content-Type: application/json\nContent-Length: 2\n"
    )
    assert head.with_suffix(".body").read_bytes() == b"{}"
    with pytest.raises(StagingRefused, match="is not empty"):
        write_dry_run(plan, tmp_path / "paper")
