"""Accounts in a real browser: a security key as second factor, a token, and pages that axe-core accepts."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from e2e.studio import new_person, sign_in
from e2e.test_accessibility import LOOKS, Faults

from annotation.models import ApiToken
from annotation.services.people import set_role
from annotation.services.teams import make_team

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
PASSWORD = "a-long-passphrase"


@pytest.fixture
def faults() -> Any:
    """Fails the test at its end with all that was found, not at the first."""
    kept = Faults()
    yield kept
    assert kept.found == [], "\n".join(kept.found)


def plug_in_a_key(page: Any) -> None:
    """A security key as the browser sees one, which answers when it is touched."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    key = {"protocol": "ctap2", "transport": "usb", "hasResidentKey": False, "hasUserVerification": False}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": key | {"automaticPresenceSimulation": True}})


def give_password_again(page: Any) -> None:
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()


def press_once_wired(page: Any, button: str) -> None:
    """Presses a button that does nothing before the page's last script has run."""
    page.locator(button).wait_for()
    page.wait_for_load_state()
    page.locator(button).click()


def test_a_security_key_is_added_and_then_asked_for(world: Any, open_page: Any) -> None:
    page = open_page()
    user = new_person()
    sign_in(page, user)
    plug_in_a_key(page)
    page.goto("/accounts/2fa/webauthn/add/")
    give_password_again(page)
    page.locator("input[name=name]").fill("my key")
    press_once_wired(page, "#mfa_webauthn_add")
    page.wait_for_url("**/accounts/2fa/**")
    page.get_by_text("my key").or_(page.get_by_text("recovery").first).first.wait_for()
    assert Authenticator.objects.filter(user=user, type="webauthn").count() == 1
    page.context.clear_cookies()
    page.goto("/accounts/login/?next=/me/account/")
    page.locator("input[name=login]").fill(user.username)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    press_once_wired(page, "#mfa_webauthn_authenticate")
    page.wait_for_url("**/me/account/")
    page.get_by_role("heading", level=1).wait_for()


def test_a_person_makes_a_token_with_which_a_script_is_let_in(world: Any, open_page: Any) -> None:
    page = open_page()
    user = new_person()
    sign_in(page, user)
    page.goto("/me/account/")
    page.get_by_role("link", name="My tokens").click()
    page.get_by_label("What is it for?").fill("nightly")
    page.get_by_label("read what I may see").check()
    page.get_by_role("button", name="Make the token").click()
    secret = page.locator("#new-token").inner_text()
    page.context.clear_cookies()
    answer = page.request.get("/api/v1/me/", headers={"authorization": f"Bearer {secret}"})
    assert answer.json()["username"] == user.username
    assert ApiToken.objects.get(user=user).last_used_at is not None


@pytest.mark.parametrize("look", list(LOOKS)[:2])
def test_pages_of_accounts_are_accessible(world: Any, open_page: Any, faults: Any, tmp_path: Any, look: str) -> None:
    page = open_page(**LOOKS[look])
    user = new_person()
    set_role(campaign=world.campaign, user=user, role="maintainer")
    team = make_team(name=f"Team {user.pk}", actor=user)
    sign_in(page, user)
    people = f"/campaigns/{world.campaign.slug}/people/"
    shown = ["/me/account/", "/me/tokens/", "/me/delete/", people, "/teams/", f"/teams/{team.pk}/"]
    for path in [*shown, "/accounts/email/", "/accounts/2fa/", "/accounts/3rdparty/", "/accounts/password/change/"]:
        page.goto(path)
        faults.look(page, f"{path} {look}")
        page.screenshot(path=tmp_path / f"{path.strip('/').replace('/', '-')}.png", full_page=True)
    page.goto("/accounts/2fa/totp/activate/")
    give_password_again(page)
    page.locator("img").wait_for()
    page.wait_for_load_state()
    faults.look(page, f"totp {look}")
    page.screenshot(path=tmp_path / "totp.png", full_page=True)
