"""How reliable a person's labels are, class by class, from tiles whose labels are known.

The unit of evidence is a tile, never a pixel. Pixels of one tile are right or wrong together (one misread field is ten
thousand pixels), so a tile says of a class no more than one independent observation would: the share of the ground
given that class that truly has it. A tile on which hardly any ground was given the class says less (`FULL_SHARE`).

Reliability is the share of what a person calls a class that is that class (user's accuracy), since a vote is to be
weighed by what was said. What they leave out is judged by whether a tile is passed (`gold_passed`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from annotation.errors import UnusableLabels

Confusion = Mapping[str, Mapping[str, int]]  # pixels by class in the reference, then by class said; "" = left out
UNLABELLED = ""

FULL_SHARE = 0.01  # of a tile's reference ground: a class given to less of it is proportionally less of an observation

# A prior worth four tiles: a person is themselves after some ten gold tiles, and nobody is judged by their first.
PRIOR_TILES = 4.0
# Where a campaign has no gold yet: experts' agreement on land cover at 0.2 m, edges included, is near this.
DEFAULT_MEAN = 0.9
# A campaign whose people are pooled below or above says more of its gold or of its size than of people.
LOWEST_MEAN, HIGHEST_MEAN = 0.6, 0.98
# In the pool nobody counts for more, so that no one person sets what the others are compared with.
POOL_CAP_TILES = 20.0
HEAVIEST = 3.0

PASS_AGREEMENT = 0.75  # of the ground labelled by both
PASS_COVERED = 0.5  # of the reference's ground

# The honest pass nine gold tiles in ten, those who answer carelessly or to harm three in ten.
HONEST_PASSES, SPAMMER_PASSES = 0.9, 0.3
FALSE_FLAG, FALSE_CLEAR = 0.01, 0.01


@dataclass(frozen=True, slots=True)
class Evidence:
    """What gold tiles say of one class: effective tiles on which it was given rightly, and wrongly; shares add up."""

    right: float = 0.0
    wrong: float = 0.0

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(self.right + other.right, self.wrong + other.wrong)


@dataclass(frozen=True, slots=True)
class ClassReliability:
    """A person's reliability in one class.

    Args:
        mean: posterior mean, 0 to 1. low, high: bounds of the credible interval.
        tiles: effective gold tiles behind it, without the prior's.
        campaign_mean: the prior's mean: what is assumed of somebody of whom nothing is known.
        n_classes: that may be given: whoever guesses is right once in so many.
    """

    mean: float
    low: float
    high: float
    tiles: float
    campaign_mean: float
    n_classes: int = 2


Reliability = Mapping[str, ClassReliability]  # by class code


def tile_evidence(confusion: Confusion) -> dict[str, Evidence]:
    """What one gold tile says of each class that the person gave there.

    Each class is worth at most one tile: its right share and its wrong share, times how full an observation it is.
    """
    ground = sum(sum(said.values()) for said in confusion.values())
    given: dict[str, int] = {}
    right: dict[str, int] = {}
    for reference, said in confusion.items():
        for code, pixels in said.items():
            if code != UNLABELLED:
                given[code] = given.get(code, 0) + pixels
                right[code] = right.get(code, 0) + (pixels if code == reference else 0)
    found: dict[str, Evidence] = {}
    for code, pixels in given.items():
        if pixels:
            full = min(1.0, pixels / (FULL_SHARE * ground))
            share = right[code] / pixels
            found[code] = Evidence(full * share, full * (1 - share))
    return found


def add_evidence(tiles: Iterable[Mapping[str, Evidence]]) -> dict[str, Evidence]:
    """The evidence of several tiles, by class."""
    total: dict[str, Evidence] = {}
    for tile in tiles:
        for code, evidence in tile.items():
            total[code] = total.get(code, Evidence()) + evidence
    return total


def campaign_means(people: Iterable[Mapping[str, Evidence]], *, class_codes: Iterable[str]) -> dict[str, float]:
    """The pooled reliability of a campaign's people in each class: what is assumed of somebody new.

    Each person counts for their tiles, but for no more than POOL_CAP_TILES. The pool is drawn towards DEFAULT_MEAN by
    PRIOR_TILES tiles, and kept within LOWEST_MEAN and HIGHEST_MEAN.

    Args: people: evidence by class, one mapping a person.

    Source: empirical Bayes with a beta prior, Casella 1985, The American Statistician 39(2).
    """
    pooled = {code: Evidence(DEFAULT_MEAN * PRIOR_TILES, (1 - DEFAULT_MEAN) * PRIOR_TILES) for code in class_codes}
    for person in people:
        for code in pooled.keys() & person.keys():
            one = person[code]
            tiles = one.right + one.wrong
            scale = min(1.0, POOL_CAP_TILES / tiles) if tiles > 0 else 0.0
            pooled[code] += Evidence(one.right * scale, one.wrong * scale)
    return {
        code: min(HIGHEST_MEAN, max(LOWEST_MEAN, one.right / (one.right + one.wrong))) for code, one in pooled.items()
    }


def class_reliability(
    evidence: Mapping[str, Evidence],
    *,
    means: Mapping[str, float],
    n_classes: int | None = None,
    credible: float = 0.9,
) -> dict[str, ClassReliability]:
    """A person's reliability in each class: a beta posterior from their evidence and the campaign's prior.

    The prior is Beta(m · PRIOR_TILES, (1 - m) · PRIOR_TILES) with m from `campaign_means`. Shares of tiles are counted
    as the right and wrong parts of trials: a quasi-binomial likelihood.

    Args:
        evidence: by class, from the person's gold tiles; classes they never gave may be absent.
        means: the campaign's, of every class wanted.
        n_classes: of the campaign, two at least; as many as `means` has when it is not given.
        credible: mass of the central interval.

    Source: Gelman et al. 2013, Bayesian Data Analysis, section 2.4.
    """
    from scipy.stats import beta  # takes longer to load than all else here, and few requests need it

    found = {}
    for code, mean in means.items():
        one = evidence.get(code, Evidence())
        a, b = mean * PRIOR_TILES + one.right, (1 - mean) * PRIOR_TILES + one.wrong
        low, high = beta.interval(credible, a, b)
        found[code] = ClassReliability(
            mean=a / (a + b),
            low=float(low),
            high=float(high),
            tiles=one.right + one.wrong,
            campaign_mean=mean,
            n_classes=max(2, n_classes or len(means)),
        )
    return found


def label_weight(reliability: Reliability, class_code: str) -> float:
    """The weight of a person's label of this class, in the vote and in training alike.

    How far the label speaks for its class against any one other of the K classes, over how far somebody's of this
    campaign does: ln((K - 1) r / (1 - r)) / ln((K - 1) m / (1 - m)). So 1 is a person like the others, and whoever has
    done no gold yet; 2 counts as much as two of them; 0 is right no more often than a guess. At most HEAVIEST.

    Returns: 0 to HEAVIEST, in thousandths; 1 for a class of which nothing is known.

    Source: Nitzan & Paroush 1982, International Economic Review 23(2), for two classes: with independent errors the
    best vote weighs each voter by their log odds; Li & Yu 2014, arXiv:1411.4086, for K.
    """
    known = reliability.get(class_code)
    if known is None:
        return 1.0
    weight = _evidence_of(known.mean, known.n_classes) / _evidence_of(known.campaign_mean, known.n_classes)
    return round(min(HEAVIEST, max(0.0, weight)), 3)


def gold_passed(confusion: Confusion) -> bool:
    """Whether the labels of a gold tile are good enough to count as one passed.

    At least half of the reference's ground is labelled, and three quarters of that rightly.
    """
    ground = sum(sum(said.values()) for said in confusion.values())
    covered = ground - sum(said.get(UNLABELLED, 0) for said in confusion.values())
    right = sum(said.get(code, 0) for code, said in confusion.items())
    return covered > 0 and covered >= PASS_COVERED * ground and right >= PASS_AGREEMENT * covered


class Decision(Enum):
    """What a sequential test says so far."""

    FLAG = "flag"
    CLEAR = "clear"
    GO_ON = "go on"


@dataclass(frozen=True, slots=True)
class SequentialTest:
    """A test's decision, the log likelihood ratio it stands at, and how many outcomes it took (all, while going on)."""

    decision: Decision
    log_ratio: float
    used: int


def sequential_test(
    passed: Sequence[bool],
    *,
    p0: float = HONEST_PASSES,
    p1: float = SPAMMER_PASSES,
    alpha: float = FALSE_FLAG,
    beta: float = FALSE_CLEAR,
    restart_when_cleared: bool = False,
) -> SequentialTest:
    """Wald's sequential probability ratio test on gold outcomes, in the order in which they came.

    Flags once the outcomes are (1 - beta) / alpha times as likely from somebody who passes with p1 as from somebody
    who passes with p0; clears once they are beta / (1 - alpha) times as likely. With the defaults a spammer is flagged
    after 4.5 gold tiles in the mean, an honest person cleared after 5.8.

    Args:
        passed: one outcome a gold tile. p0, p1: share passed by the honest and by others, p1 < p0.
        alpha, beta: chance of flagging an honest person, of clearing another, in one test.
        restart_when_cleared: begin anew after each clearance, so that whoever turns later is still flagged; `alpha`
            then holds for each test, not for all of them. A decision to clear is then never returned.

    Raises: UnusableLabels: the probabilities are not 0 < p1 < p0 < 1 and 0 < alpha, beta < 0.5.

    Source: Wald 1945, The Annals of Mathematical Statistics 16(2); restarting: Page 1954, Biometrika 41(1/2).
    """
    if not (0 < p1 < p0 < 1 and 0 < alpha < 0.5 and 0 < beta < 0.5):
        raise UnusableLabels(f"p0 {p0}, p1 {p1}, alpha {alpha}, beta {beta}: 0 < p1 < p0 < 1 and errors below a half.")
    upper, lower = math.log((1 - beta) / alpha), math.log(beta / (1 - alpha))
    step_passed, step_failed = math.log(p1 / p0), math.log((1 - p1) / (1 - p0))
    ratio = 0.0
    for used, outcome in enumerate(passed, start=1):
        ratio += step_passed if outcome else step_failed
        if ratio >= upper:
            return SequentialTest(Decision.FLAG, ratio, used)
        if ratio <= lower:
            if not restart_when_cleared:
                return SequentialTest(Decision.CLEAR, ratio, used)
            ratio = 0.0
    return SequentialTest(Decision.GO_ON, ratio, len(passed))


def _evidence_of(share: float, n_classes: int) -> float:
    return math.log((n_classes - 1) * share / (1 - share))
